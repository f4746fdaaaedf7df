/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SANDBOX_PLACE_H
#define USERNET_SANDBOX_PLACE_H

#include <glib.h>

/* Directories and files that stay accessible. */
struct place {
	char *path;      /* absolute and without "." and "..", as given */
	unsigned access; /* enum sandbox_access */
};

/* Of struct place *. */
GPtrArray *places_new(void);
/* One place per path; accesses add up. */
void places_add(GPtrArray *places, const char *path, unsigned access);
void places_add_around(GPtrArray *places, const char *file, unsigned access);

#endif
