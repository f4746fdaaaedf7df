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
 * option 119 (RFC 3397) and the DNSSL option (RFC 8106 5.2) need it. Returns the length, at most
 * DNS_NAME_MAX; 0 when @name is empty, a label is empty or too long, or @max is too small.
 */
size_t dns_name_write(uint8_t *out, size_t max, const char *name);

/*
 * Makes an RFC 1123 label of the name that a guest gave: up to the first dot, in lower case, at
 * most 63 bytes. '_' and ' ' become '-'; other bytes that are not letters, digits or '-' are left
 * out. "" when nothing is left, and for names that guests must not claim ("localhost", "dns",
 * "wpad" and others). @out has room for DNS_LABEL_MAX + 1; @text has @len bytes and need not end in
 * NUL.
 */
void dns_label_clean(char *out, const uint8_t *text, size_t len);

/*
 * A domain name in wire form, in lower case and without compression, so that equal names have equal
 * bytes. @len includes the root's zero byte: 1 is the root.
 */
struct dns_name {
	uint8_t len;
	uint8_t wire[DNS_NAME_MAX];
};

/*
 * Parses "example.org"; a final dot is allowed; "." is the root. False where dns_name_write()
 * returns 0, and for unprintable bytes and backslashes: escapes are not supported.
 */
bool dns_name_parse(struct dns_name *name, const char *text);
/*
 * Reads the name at *@pos of a message of @len bytes and moves *@pos past it. A pointer (RFC 1035
 * 4.1.4) must lead backwards, so there are no loops; a name over 255 bytes is refused. On false
 * *@pos is unchanged.
 */
bool dns_name_read(struct dns_name *name, const uint8_t *message, size_t len, size_t *pos);
/* Text for messages; unprintable bytes as \DDD (RFC 4343). "." is the root. */
#define DNS_NAME_TEXT (4 * DNS_NAME_MAX)
void dns_name_text(char text[DNS_NAME_TEXT], const struct dns_name *name);
/* The same, newly allocated. */
char *dns_name_format(const struct dns_name *name);
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
/* Is @name equal to @zone or below it? */
bool dns_name_within(const struct dns_name *name, const struct dns_name *zone);
unsigned dns_name_labels(const struct dns_name *name);
/* @name without its first @n labels; it must have at least @n. */
void dns_name_ancestor(struct dns_name *out, const struct dns_name *name, unsigned n);
/* Prepends @label to @zone; false when the result is too long. */
bool dns_name_prepend(struct dns_name *out, const char *label, const struct dns_name *zone);
/* The first label as text; false when there is none or it contains NUL. */
bool dns_name_label(const struct dns_name *name, char out[DNS_LABEL_MAX + 1]);

/* For GHashTable: keys are struct dns_name. Seeded. */
unsigned dns_name_hash(const void *name);
int dns_name_equal_key(const void *a, const void *b);

#endif
