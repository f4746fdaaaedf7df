/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_RESOLV_H
#define USERNET_DNS_RESOLV_H

#include <glib.h>

#include "base/loop.h"

/*
 * Follows resolv.conf: rewritten in place, replaced by a rename, a symlink changed, deleted and
 * restored. inotify watches its directory and that of the file it leads to. Changes that a watch
 * cannot see (more links between, a new directory) are found by checking the file's date, once a
 * second while queries come.
 *
 * If it names a stub on this host, the stub's own servers may change as well: the files where these
 * are written (@behind) are watched too, but never read.
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
 * Its present content: a GArray of struct dns_server, and in *@search a NULL-terminated list of
 * domains; the caller owns both. An unreadable file counts as empty.
 */
GArray *dns_resolv_read(struct dns_resolv *resolv, char ***search);
/* A query came: checks the file. changed() is called later, from the loop. */
void dns_resolv_look(struct dns_resolv *resolv, usec_t now);

#endif
