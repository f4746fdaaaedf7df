/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_HELLO_H
#define USERNET_PACKET_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/dns_name.h"

/*
 * The server that the first bytes of a TCP connection name: the server name of a TLS ClientHello
 * (RFC 8446 4.1.2, RFC 6066 3), put together from its records (RFC 8446 5.1), or the Host of an
 * HTTP/1 request (RFC 9112 3.2). With encrypted hellos (ECH) it is the outer name. What servers may
 * read in two ways names no server: two names, two Host lines, folded lines, bare line feeds, a
 * target in absolute form.
 */
#define HELLO_MAX 16384 /* bytes; a longer beginning names no server */

enum hello { HELLO_MORE, HELLO_NAMED, HELLO_NAMELESS };

/*
 * @data: the connection's first @len bytes, at most HELLO_MAX. @sni, @host: which protocols count.
 * HELLO_MORE: it cannot be told yet; never for HELLO_MAX bytes. HELLO_NAMED: *@name.
 */
enum hello hello_read(struct dns_name *name, const uint8_t *data, size_t len, bool sni, bool host);

#endif
