/* SPDX-License-Identifier: BSD-3-Clause */
#include "sandbox/place.h"

#include <stdlib.h>
#include <string.h>

static void free_place(void *data)
{
	struct place *place = data;

	g_free(place->path);
	g_free(place);
}

GPtrArray *places_new(void)
{
	return g_ptr_array_new_with_free_func(free_place);
}

void places_add(GPtrArray *places, const char *path, unsigned access)
{
	g_autofree char *full = g_canonicalize_filename(path, NULL);
	struct place *place;

	for (guint i = 0; i < places->len; i++) {
		place = g_ptr_array_index(places, i);
		if (!strcmp(place->path, full)) {
			place->access |= access;
			return;
		}
	}
	place = g_new0(struct place, 1);
	place->path = g_steal_pointer(&full);
	place->access = access;
	g_ptr_array_add(places, place);
}

void places_add_around(GPtrArray *places, const char *file, unsigned access)
{
	g_autofree char *full = g_canonicalize_filename(file, NULL);
	g_autofree char *dir = g_path_get_dirname(full);
	char *target = realpath(full, NULL);

	places_add(places, dir, access);
	if (target) {
		g_autofree char *target_dir = g_path_get_dirname(target);

		places_add(places, target_dir, access);
	}
	free(target);
}
