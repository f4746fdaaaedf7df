/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_RECORDS_H
#define USERNET_CTL_RECORDS_H

#include <glib.h>
#include <stdbool.h>

/*
 * Names that somebody gave to addresses: dns-add, or a file's [dns]. The records are the zone's
 * (dns/zone.h); here is noted which of them are the file's.
 */
struct control;
struct dns_zone;

/* The name server's; NULL: there is no `user` netdev. */
struct dns_zone *records_zone(struct control *control, GError **error);
/* @addr NULL: all of the name. */
bool records_add(struct control *control, const char *name, const char *addr, GError **error);
bool records_remove(struct control *control, const char *name, const char *addr, GError **error);

/* One record, as a key: "NAME ADDR" in lower case. Newly allocated. */
char *records_key(const char *name, const char *addr);
/*
 * The file has it. When it is there already, because somebody added it by hand, it is the file's
 * from now on.
 */
bool records_add_file(struct control *control, const char *name, const char *addr, GError **error);
/* The file has it no more; that it was removed by hand meanwhile is no matter. */
void records_remove_file(struct control *control, const char *key);
/* The `user` netdev went, its zone with it. */
void records_forget(struct control *control);

#endif
