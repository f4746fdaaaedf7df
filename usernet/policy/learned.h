/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_POLICY_LEARNED_H
#define USERNET_POLICY_LEARNED_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "net/frame.h"

/*
 * What policy=learn has seen: for each guest the rules that would allow what it opened, by name
 * where it had asked for one, else by address. At most LEARNED_MAX rules of a guest and
 * LEARNED_GUESTS_MAX guests; of more a warning tells.
 */
#define LEARNED_MAX        1024
#define LEARNED_GUESTS_MAX 1024

struct learned;

struct learned *learned_new(void);
void learned_free(struct learned *learned);
/* @name: what @dst (IPv4 v4-mapped) is called, or NULL. @private: the name needs +private. */
void learned_note(struct learned *learned, mac_t mac, uint8_t proto, const struct in6_addr *dst,
		  uint16_t port, const char *name, bool private);
/* Calls @each for each rule of each guest, "allow=tcp:api.example.com:443", sorted. */
void learned_each(struct learned *learned, void (*each)(void *data, mac_t mac, const char *rule),
		  void *data);

#endif
