/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_DNS_NAME_H
#define USERNET_PACKET_DNS_NAME_H

#include <stdbool.h>
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
 * left, and for names that no guest may give itself ("localhost", "dns", "wpad" and such).
 * @out has room for DNS_LABEL_MAX + 1; @text is @len bytes that need not end in NUL.
 */
void dns_label_clean(char *out, const uint8_t *text, size_t len);

/*
 * A domain name as it is on the wire, lower case and without compression, so that equal names have
 * equal bytes. @len counts the root's zero: 1 is the root.
 */
struct dns_name {
	uint8_t len;
	uint8_t wire[DNS_NAME_MAX];
};

/*
 * From "example.org", a final dot is allowed; "." is the root. False as dns_name_write() says, and
 * for what is not to be seen, or a backslash: escapes are not understood.
 */
bool dns_name_parse(struct dns_name *name, const char *text);
/*
 * Reads the name at *@pos of a message of @len bytes, and moves *@pos behind it. A pointer
 * (RFC 1035 4.1.4) must lead backwards, so there are no loops; a name over 255 bytes is refused.
 * On false *@pos is unchanged.
 */
bool dns_name_read(struct dns_name *name, const uint8_t *message, size_t len, size_t *pos);
/* For people; labels' odd bytes as \DDD (RFC 4343). Newly allocated; "." is the root. */
char *dns_name_format(const struct dns_name *name);
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
/* @name is @zone or below it. */
bool dns_name_within(const struct dns_name *name, const struct dns_name *zone);
unsigned dns_name_labels(const struct dns_name *name);
/* @name without its first @n labels; it has at least as many. */
void dns_name_ancestor(struct dns_name *out, const struct dns_name *name, unsigned n);
/* @label in front of @zone; false when that is too long. */
bool dns_name_prepend(struct dns_name *out, const char *label, const struct dns_name *zone);
/* The first label as text; false when there is none, or it has a zero in it. */
bool dns_name_label(const struct dns_name *name, char out[DNS_LABEL_MAX + 1]);

/* For GHashTable: keys are struct dns_name. Seeded. */
unsigned dns_name_hash(const void *name);
int dns_name_equal_key(const void *a, const void *b);

#endif
