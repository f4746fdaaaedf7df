/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/*
 * Replaces libFuzzer: gives a harness every file of the directories named, and every prefix of
 * each, so that the corpus tests truncation too.
 */
static unsigned run_file(const char *path)
{
	g_autofree char *text = NULL;
	unsigned n = 0;
	gsize len;

	if (!g_file_get_contents(path, &text, &len, NULL)) {
		fprintf(stderr, "cannot read '%s'\n", path);
		exit(EXIT_FAILURE);
	}
	for (gsize cut = 0; cut <= len; cut += len > 4096 ? 97 : 1, n++) {
		/* On the heap in its exact size, for the sanitizers. */
		g_autofree uint8_t *exact = g_malloc(cut + !cut);

		memcpy(exact, text, cut);
		LLVMFuzzerTestOneInput(exact, cut);
	}
	LLVMFuzzerTestOneInput((const uint8_t *)text, len);
	return n + 1;
}

int main(int argc, char **argv)
{
	unsigned files = 0, inputs = 0;

	for (int i = 1; i < argc; i++) {
		g_autoptr(GDir) dir = g_dir_open(argv[i], 0, NULL);
		const char *name;

		while (dir && (name = g_dir_read_name(dir))) {
			g_autofree char *path = g_build_filename(argv[i], name, NULL);

			inputs += run_file(path);
			files++;
		}
	}
	printf("%u files, %u inputs\n", files, inputs);
	return files ? EXIT_SUCCESS : EXIT_FAILURE;
}
