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
 *
 * Where it names a stub on this host, that stub's own servers change behind it: the files where
 * those are known to be written (@behind) are followed too, and never read.
 */
#define DNS_RESOLV_PATH     "/etc/resolv.conf"
#define DNS_RESOLV_SIZE_MAX 65536
#define DNS_RESOLV_LOOK     (1 * USEC_PER_SEC)
#define DNS_RESOLV_SETTLE   (30 * USEC_PER_MSEC)

struct dns_resolv;

#define DNS_RESOLV_BEHIND 4
/* systemd-resolved(8), NetworkManager.conf(5) rc-manager, resolvconf(8) with dnsmasq. */
extern const char *const dns_resolv_behind[];

/* @behind: NULL-terminated, at most DNS_RESOLV_BEHIND are followed; must outlive it. */
struct dns_resolv *dns_resolv_new(struct loop *loop, const char *path, const char *const *behind,
				  void (*changed)(void *data), void *data);
void dns_resolv_free(struct dns_resolv *resolv);
/*
 * What it says now: a GArray of struct dns_server, and in *@search a NULL-terminated list of
 * domains; both owned by the caller. A file that cannot be read is an empty one.
 */
GArray *dns_resolv_read(struct dns_resolv *resolv, char ***search);
/* Somebody asks: has the file looked at. changed() comes later, from the loop. */
void dns_resolv_look(struct dns_resolv *resolv, usec_t now);

#endif
