/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_MAC_H
#define USERNET_NET_MAC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The MAC address of a guest that is known by its name: the same on every machine and in every run,
 * so that it may be written into a QEMU command line once. 52:54:00, the prefix QEMU uses, and 24
 * bits of the SHA-256 of network and name (in lower case).
 *
 * @attempt is 0 for the first choice. Among 24 bits two names of one network may meet: who is added
 * later then takes attempt 1, and so on, until one is free. Thus it depends on the order of the
 * names only where they meet, and `usernetctl mac NAME` prints the first choice.
 *
 * Never one of 52:54:00:12:34:00 to :ff, from which QEMU numbers guests that are given none (QEMU
 * net/net.c qemu_macaddr_default_if_unset). The result is a number as in net/frame.h's mac_t.
 */
uint64_t guest_mac_derive(const char *network, const char *name, unsigned attempt);

/* "52:54:00:12:34:02", of one digit or two between colons; a single, non-zero address. */
bool guest_mac_parse(const char *text, uint64_t *mac);

/* "52:54:00:12:34:02" and its NUL */
#define GUEST_MAC_TEXT 18
void guest_mac_format(char text[GUEST_MAC_TEXT], uint64_t mac);

#endif
