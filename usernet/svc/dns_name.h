/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_DNS_NAME_H
#define USERNET_SVC_DNS_NAME_H

#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX  255 /* on the wire, RFC 1035 3.1 */
#define DNS_LABEL_MAX 63

/*
 * Writes @name ("example.org", a final dot is allowed) as labels without compression, as DHCP
 * option 119 (RFC 3397) and the DNSSL option (RFC 8106 5.2) want it. Returns the length, at most
 * DNS_NAME_MAX; 0 when @name is empty, has an empty or too long label, or does not fit into @max.
 */
size_t dns_name_write(uint8_t *out, size_t max, const char *name);

/*
 * What a guest calls itself, made a RFC 1123 label: up to the first dot, lower case, what is
 * neither letter, digit nor '-' left out ('_' and ' ' become '-'), cut at 63. "" when nothing is
 * left, or for "localhost".
 * @out has room for DNS_LABEL_MAX + 1; @text is @len bytes that need not end in NUL.
 */
void dns_label_clean(char *out, const uint8_t *text, size_t len);

#endif
