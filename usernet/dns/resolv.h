/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_RESOLV_H
#define USERNET_DNS_RESOLV_H

#include <glib.h>

#include "base/loop.h"

/*
 * Follows resolv.conf: rewritten in place, replaced by a rename, a symlink that is turned to
 * another file, gone and back. Its directory and that of the file it leads to are watched; what a
 * watch cannot see (more links between, a directory that was not there) a look at the file's date
 * finds, once a second while somebody asks.
 */
#define DNS_RESOLV_PATH     "/etc/resolv.conf"
#define DNS_RESOLV_SIZE_MAX 65536
#define DNS_RESOLV_LOOK     (1 * USEC_PER_SEC)
#define DNS_RESOLV_SETTLE   (30 * USEC_PER_MSEC)

struct dns_resolv;

struct dns_resolv *dns_resolv_new(struct loop *loop, const char *path, void (*changed)(void *data),
				  void *data);
void dns_resolv_free(struct dns_resolv *resolv);
/*
 * What it says now: a GArray of struct dns_server, owned by the caller; a file that cannot be read
 * is an empty one.
 */
GArray *dns_resolv_read(struct dns_resolv *resolv);
/* Somebody asks: has the file looked at. changed() comes later, from the loop. */
void dns_resolv_look(struct dns_resolv *resolv, usec_t now);

#endif
