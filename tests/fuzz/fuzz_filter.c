/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "capture/filter.h"
#include "harness.h"

#ifdef USERNET_PCAP
#include <pcap/pcap.h>
#endif

/*
 * A program as text, a zero byte, and a frame. A refusal has a reason. With libpcap, a program that
 * was taken decides as libpcap's interpreter does.
 */
static void check(bool holds)
{
	if (!holds)
		abort();
}

#ifdef USERNET_PCAP
/* False: libpcap's interpreter has words of memory that are not set. */
static bool read_program(const char *text, struct bpf_insn *code, unsigned *n)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);

	*n = (unsigned)g_ascii_strtoull(parts[0], NULL, 10);
	for (unsigned i = 0; i < *n; i++) {
		char *end;

		code[i].code = (unsigned short)g_ascii_strtoull(parts[i + 1], &end, 10);
		code[i].jt = (unsigned char)g_ascii_strtoull(end + 1, &end, 10);
		code[i].jf = (unsigned char)g_ascii_strtoull(end + 1, &end, 10);
		code[i].k = (bpf_u_int32)g_ascii_strtoull(end + 1, &end, 10);
		if (code[i].code == (BPF_LD | BPF_MEM) || code[i].code == (BPF_LDX | BPF_MEM))
			return false;
	}
	return true;
}

static void check_same(const char *text, const struct frame *frame, uint32_t kept)
{
	static struct bpf_insn code[FILTER_MAX];
	const struct pcap_pkthdr header = {.caplen = frame->len, .len = frame->len};
	unsigned n;

	if (read_program(text, code, &n) && bpf_validate(code, (int)n))
		check((uint32_t)pcap_offline_filter(&(struct bpf_program){n, code}, &header,
						    frame->data) == kept);
}
#else
static void check_same(const char *text, const struct frame *frame, uint32_t kept)
{
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = memchr(data, 0, size);
	g_autofree char *text = g_strndup((const char *)data, zero ? (size_t)(zero - data) : size);
	GError *error = NULL;
	struct filter *filter = filter_new(text, &error);
	/* Exactly as long as the frame, so that a sanitizer sees a read behind it. */
	size_t len = zero ? size - (size_t)(zero - data) - 1 : 0;
	g_autofree uint8_t *bytes = g_memdup2(zero ? zero + 1 : NULL, len);
	struct frame frame = {.data = bytes, .len = (uint32_t)len};

	check(filter != NULL || (error && error->message[0]));
	if (filter)
		check_same(text, &frame, filter_run(filter, &frame));
	filter_free(filter);
	g_clear_error(&error);
	return 0;
}
