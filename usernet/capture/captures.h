/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CAPTURE_CAPTURES_H
#define USERNET_CAPTURE_CAPTURES_H

#include "capture/capture.h"

/* The captures of a network. Ports have a tap only while one wants their frames. */
#define CAPTURES_MAX 8

struct captures;

struct captures *captures_new(struct network *network);
/* Ends all. Before the network is freed. */
void captures_free(struct captures *captures);
/* NULL: @error is set. Takes spec->filter always, spec->fd on success. */
struct capture *captures_add(struct captures *captures, const struct capture_spec *spec,
			     GError **error);
/* ERROR_NOT_FOUND. @counts may be NULL. */
bool captures_remove(struct captures *captures, const char *id, struct capture_counts *counts,
		     GError **error);
/* Ends the captures of a netdev that is removed. */
void captures_forget_netdev(struct captures *captures, const char *id);
void captures_foreach(struct captures *captures, void (*each)(void *data, struct capture *capture),
		      void *data);

#endif
