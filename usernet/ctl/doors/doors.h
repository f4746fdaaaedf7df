/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_DOORS_DOORS_H
#define USERNET_CTL_DOORS_DOORS_H

#include <glib.h>
#include <stdbool.h>

/*
 * Sockets that speak other programs' APIs, so that their clients drive this network unchanged:
 * slirp4netns.h and gvproxy.h. Opened at start, by settings.
 */
struct control;
struct gvproxy;
struct settings;
struct slirp4netns;

struct doors {
	struct slirp4netns *slirp4netns; /* NULL: not asked for, like the next */
	struct gvproxy *gvproxy;
};

/* False: *@key is the setting that @error concerns; doors_close() is still needed. */
bool doors_open(struct doors *doors, struct control *control, const struct settings *settings,
		const char **key, GError **error);
/* Harmless on a zeroed struct. */
void doors_close(struct doors *doors);

#endif
