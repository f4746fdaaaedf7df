/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_ADDRESS_TEXT_H
#define USERNET_LINK_ADDRESS_TEXT_H

#include "base/sockaddr.h"

/*
 * Addresses as QEMU prints them in `info network`: IPv6 without brackets, abstract names without
 * '@', unnamed sockets empty. All newly allocated.
 */

/* "127.0.0.1:5000", "::1:5000". */
char *address_text_host_port(const struct sockaddr_any *addr);
/* "/run/lan.sock", "" */
char *address_text_path(const struct sockaddr_any *addr);
/* "tcp:127.0.0.1:5000", "unix:/run/lan.sock", "unix:" (QEMU util/qemu-sockets.c, socket_uri). */
char *address_text_uri(const struct sockaddr_any *addr);

#endif
