/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_MAC_H
#define USERNET_NET_MAC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The MAC address derived from a guest's name. It is the same on every machine and in every run, so
 * it can be written into a QEMU command line once: 52:54:00, QEMU's prefix, and 24 bits of the
 * SHA-256 of network and name (in lower case).
 *
 * @attempt is 0 for the first choice. With 24 bits, two names of one network may collide: the guest
 * added later takes attempt 1, and so on, until an address is free. Only for such names does the
 * address depend on the order of the guests; `usernetctl mac NAME` prints the first choice.
 *
 * The result is never 52:54:00:12:34:00 to :ff, which QEMU gives to guests without a MAC (QEMU
 * net/net.c qemu_macaddr_default_if_unset). It is a number like mac_t in net/frame.h.
 */
uint64_t guest_mac_derive(const char *network, const char *name, unsigned attempt);

/* "52:54:00:12:34:02", one or two digits between colons; a single, non-zero address. */
bool guest_mac_parse(const char *text, uint64_t *mac);

/* "52:54:00:12:34:02" and its NUL */
#define GUEST_MAC_TEXT 18
void guest_mac_format(char text[GUEST_MAC_TEXT], uint64_t mac);

#endif
