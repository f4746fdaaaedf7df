/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_DNSMESSAGE_H
#define USERNET_TESTS_DNSMESSAGE_H

#include <arpa/inet.h>
#include <check.h>
#include <glib.h>
#include <string.h>

#include "dns/wire.h"

/* Writes and reads DNS messages. */
struct message {
	uint8_t data[DNS_MESSAGE_MAX];
	size_t len;
};

static inline void put(struct message *m, const void *data, size_t len)
{
	if (len)
		memcpy(m->data + m->len, data, len);
	m->len += len;
}

static inline void put16(struct message *m, unsigned v)
{
	dns_put16(m->data + m->len, v);
	m->len += 2;
}

static inline void put32(struct message *m, uint32_t v)
{
	dns_put32(m->data + m->len, v);
	m->len += 4;
}

/* Upper and lower case as given. */
static inline void put_name(struct message *m, const char *name)
{
	size_t len = dns_name_write(m->data + m->len, DNS_NAME_MAX, name);

	if (!len)
		m->data[m->len] = 0;
	m->len += len ? len : 1;
}

static inline void count(struct message *m, enum dns_section section)
{
	uint8_t *p = m->data + 6 + 2 * section;

	dns_put16(p, dns_get16(p) + 1u);
}

/* A query of class IN with RD set. */
static inline void query_begin(struct message *m, unsigned id, const char *name, unsigned type)
{
	memset(m->data, 0, DNS_HEADER);
	m->len = DNS_HEADER;
	dns_put16(m->data, id);
	dns_put16(m->data + 2, DNS_RD);
	dns_put16(m->data + 4, 1);
	put_name(m, name);
	put16(m, type);
	put16(m, DNS_CLASS_IN);
}

static inline void query_edns(struct message *m, unsigned size, bool dnssec, const void *options,
			      size_t len)
{
	m->data[m->len++] = 0;
	put16(m, DNS_TYPE_OPT);
	put16(m, size);
	put32(m, dnssec ? 0x8000 : 0);
	put16(m, (unsigned)len);
	put(m, options, len);
	count(m, DNS_ADDITIONAL);
}

/* An answer with @query's question and @rcode. */
static inline void answer_begin(struct message *m, const uint8_t *query, unsigned rcode)
{
	size_t end = DNS_HEADER;

	while (query[end])
		end += 1 + query[end];
	memcpy(m->data, query, end + 5);
	m->len = end + 5;
	dns_put16(m->data + 2, DNS_QR | DNS_RA | (dns_get16(query + 2) & DNS_RD) | rcode);
	memset(m->data + 6, 0, 6);
}

static inline void put_record(struct message *m, enum dns_section section, const char *owner,
			      unsigned type, uint32_t ttl, const void *rdata, size_t len)
{
	if (owner)
		put_name(m, owner);
	else
		put16(m, 0xc000 | DNS_HEADER);
	put16(m, type);
	put16(m, DNS_CLASS_IN);
	put32(m, ttl);
	put16(m, (unsigned)len);
	put(m, rdata, len);
	count(m, section);
}

/* A record whose data is a name: CNAME, PTR, DNAME. */
static inline void put_alias(struct message *m, const char *owner, unsigned type,
			     const char *target)
{
	uint8_t rdata[DNS_NAME_MAX];

	put_record(m, DNS_ANSWER, owner, type, 300, rdata,
		   dns_name_write(rdata, sizeof rdata, target));
}

static inline void put_a(struct message *m, const char *owner, uint32_t ttl, const char *addr)
{
	struct in_addr in;

	ck_assert_int_eq(inet_pton(AF_INET, addr, &in), 1);
	put_record(m, DNS_ANSWER, owner, DNS_TYPE_A, ttl, &in, 4);
}

static inline void put_soa(struct message *m, const char *zone, uint32_t ttl, uint32_t minimum)
{
	uint8_t rdata[22] = {0};

	dns_put32(rdata + 18, minimum);
	put_record(m, DNS_AUTHORITY, zone, DNS_TYPE_SOA, ttl, rdata, sizeof rdata);
}

static inline unsigned rcode_of(const uint8_t *message)
{
	return dns_get16(message + 2) & DNS_RCODE;
}

static inline unsigned count_of(const uint8_t *message, enum dns_section section)
{
	return dns_get16(message + 6 + 2 * section);
}

/* Every record of the message, one per line: "ANSWER web. A 10.0.2.20 ttl 5". */
static inline char *describe(const uint8_t *data, size_t len)
{
	static const char *const sections[] = {"AN", "NS", "AR"};
	GString *text = g_string_new(NULL);
	struct dns_record record;
	struct dns_walk walk;

	ck_assert(dns_walk_begin(&walk, data, len));
	while (dns_walk_next(&walk, &record)) {
		g_autofree char *owner = dns_name_format(&record.owner);
		char addr[INET6_ADDRSTRLEN] = "";
		size_t at = record.rdata;
		struct dns_name name;

		if (record.type == DNS_TYPE_OPT) {
			g_string_append(text, "OPT;");
			continue;
		}
		g_string_append_printf(text, "%s %s %u", sections[record.section], owner,
				       record.type);
		if (record.type == DNS_TYPE_A || record.type == DNS_TYPE_AAAA) {
			ck_assert_uint_eq(record.rdlen, record.type == DNS_TYPE_A ? 4 : 16);
			inet_ntop(record.type == DNS_TYPE_A ? AF_INET : AF_INET6, data + at, addr,
				  sizeof addr);
			g_string_append_printf(text, " %s", addr);
		} else if (record.type == DNS_TYPE_PTR || record.type == DNS_TYPE_NS ||
			   record.type == DNS_TYPE_CNAME) {
			g_autofree char *target = NULL;

			ck_assert(dns_name_read(&name, data, len, &at));
			target = dns_name_format(&name);
			g_string_append_printf(text, " %s", target);
		}
		g_string_append_c(text, ';');
	}
	ck_assert_msg(!walk.broken && walk.pos == len, "the message is not whole");
	return g_string_free(text, FALSE);
}

#define assert_records(data, len, expected)                                                        \
	do {                                                                                       \
		g_autofree char *is_ = describe(data, len);                                        \
		ck_assert_str_eq(is_, expected);                                                   \
	} while (0)

#endif
