/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_RECORDS_H
#define USERNET_CTL_RECORDS_H

#include <glib.h>
#include <stdbool.h>

/*
 * DNS names set by the user: dns-add, or [dns] in a file. The zone owns the records (dns/zone.h);
 * this table stores which of them come from the file.
 */
struct control;
struct dns_zone;

/* The name server's zone; NULL: there is no `user` netdev. */
struct dns_zone *records_zone(struct control *control, GError **error);
/* @addr NULL: all addresses of the name. */
bool records_add(struct control *control, const char *name, const char *addr, GError **error);
bool records_remove(struct control *control, const char *name, const char *addr, GError **error);

/* The key of a record: "NAME ADDR" in lower case. Newly allocated. */
char *records_key(const char *name, const char *addr);
/* Adds a record of the file. An existing record, added by command, becomes the file's. */
bool records_add_file(struct control *control, const char *name, const char *addr, GError **error);
/* Removes a record that is no longer in the file. It may already have been removed by command. */
void records_remove_file(struct control *control, const char *key);
/* The `user` netdev was removed, and its zone with it. */
void records_forget(struct control *control);

#endif
