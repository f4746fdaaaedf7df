/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/record.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "net/mac.h"
#include "packet/dns_name.h"

/* Later than any real clock, and safe from overflow in microseconds. */
#define EXPIRY_MAX INT64_C(99999999999)

void lease_record_make(struct lease_record *record, const struct lease *lease, usec_t now,
		       int64_t wall)
{
	record->lease = *lease;
	if (lease->state == LEASE_BOUND || lease->state == LEASE_DECLINED) {
		/* Rounded up: the client was promised this much. */
		record->expiry =
			lease->expires == LEASE_FOREVER
				? 0
				: wall + (lease->expires - now + USEC_PER_SEC - 1) / USEC_PER_SEC;
		if (lease->expires != LEASE_FOREVER && record->expiry < 1)
			record->expiry = 1; /* the clock is at 1970; 0 would mean "never" */
		return;
	}
	record->expiry = lease->expires == LEASE_FOREVER
				 ? wall
				 : wall + MIN(lease->expires - now, 0) / USEC_PER_SEC;
	record->expiry = lease->reserved ? 0 : MAX(record->expiry, 1);
}

void lease_record_settle(struct lease_record *record, usec_t now, int64_t wall, usec_t longest)
{
	struct lease *lease = &record->lease;
	int64_t left = record->expiry - wall;

	if (record->expiry == 0) {
		/* Reserved, unless leases never end here. */
		lease->state = longest == LEASE_FOREVER ? LEASE_BOUND : LEASE_EXPIRED;
		lease->expires = longest == LEASE_FOREVER ? LEASE_FOREVER : now;
		return;
	}
	lease->state = lease->mac == 0 ? LEASE_DECLINED : LEASE_BOUND;
	if (left <= 0)
		lease->state = LEASE_EXPIRED;
	lease->expires = now + left * USEC_PER_SEC;
	if (longest != LEASE_FOREVER)
		lease->expires = MIN(lease->expires, now + longest);
}

void lease_record_format(GString *out, const struct lease_record *record)
{
	const struct lease *lease = &record->lease;
	char mac[GUEST_MAC_TEXT], addr[INET_ADDRSTRLEN];

	guest_mac_format(mac, lease->mac);
	g_string_append_printf(out, "%" PRId64 " %s %s %s ", record->expiry, mac,
			       inet_ntop(AF_INET, &lease->addr, addr, sizeof(addr)),
			       lease->hostname[0] ? lease->hostname : "*");
	for (unsigned i = 0; i < lease->client_id_len; i++)
		g_string_append_printf(out, i ? ":%02x" : "%02x", lease->client_id[i]);
	g_string_append(out, lease->client_id_len ? "\n" : "*\n");
}

/* --- parse --- */

struct field {
	char text[LEASE_LINE_MAX];
	size_t len;
};

/* The next word of the line, up to a space; false: there is none. */
static bool next_field(const char **p, const char *end, struct field *field)
{
	const char *start;

	while (*p < end && (**p == ' ' || **p == '\t'))
		(*p)++;
	start = *p;
	while (*p < end && **p != ' ' && **p != '\t')
		(*p)++;
	field->len = (size_t)(*p - start);
	memcpy(field->text, start, field->len);
	field->text[field->len] = '\0';
	return field->len > 0;
}

static bool parse_mac(const char *text, mac_t *mac)
{
	*mac = 0;
	return !strcmp(text, "00:00:00:00:00:00") || guest_mac_parse(text, mac);
}

static bool parse_client_id(const struct field *field, struct lease *lease)
{
	if (!strcmp(field->text, "*"))
		return true;
	if ((field->len + 1) % 3 || (field->len + 1) / 3 > LEASE_CLIENT_ID_MAX)
		return false;
	for (size_t i = 0; i < field->len; i += 3) {
		const char *p = field->text + i;

		if (!g_ascii_isxdigit(p[0]) || !g_ascii_isxdigit(p[1]) || (p[2] && p[2] != ':'))
			return false;
		lease->client_id[lease->client_id_len++] =
			(uint8_t)(g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]));
	}
	return true;
}

bool lease_record_parse(struct lease_record *record, const char *line, size_t len, const char **why)
{
	struct lease *lease = &record->lease;
	struct field expiry, mac, addr, name, id, more;
	const char *p = line, *end = line + len;
	char label[DNS_LABEL_MAX + 1] = "";

	memset(record, 0, sizeof(*record));
	*why = "it is too long";
	if (len >= LEASE_LINE_MAX)
		return false;
	*why = "it has a zero byte in it";
	if (memchr(line, '\0', len))
		return false;
	*why = "it is not 'EXPIRY MAC IP NAME CLIENT-ID'";
	if (!next_field(&p, end, &expiry) || !next_field(&p, end, &mac) ||
	    !next_field(&p, end, &addr) || !next_field(&p, end, &name) ||
	    !next_field(&p, end, &id) || next_field(&p, end, &more))
		return false;
	*why = "the expiry is not a time in seconds since 1970";
	if (!g_ascii_string_to_signed(expiry.text, 10, 0, EXPIRY_MAX, &record->expiry, NULL))
		return false;
	*why = "the second word is not the MAC address of a guest";
	if (!parse_mac(mac.text, &lease->mac))
		return false;
	*why = "the third word is not an IPv4 address";
	if (inet_pton(AF_INET, addr.text, &lease->addr) != 1 || !lease->addr.s_addr)
		return false;
	*why = "the last word is not a client identifier";
	if (!parse_client_id(&id, lease))
		return false;
	if (strcmp(name.text, "*") != 0)
		dns_label_clean(label, (const uint8_t *)name.text, name.len);
	g_strlcpy(lease->hostname, label, sizeof(lease->hostname));
	return true;
}
