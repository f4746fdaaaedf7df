/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_WIRE_H
#define USERNET_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/dns_name.h"

/*
 * DNS messages as bytes (RFC 1035 4, EDNS RFC 6891): reads queries, writes local answers, walks
 * foreign answers and cuts them to size. Other parts are passed on unchanged.
 */
#define DNS_HEADER      12
#define DNS_MESSAGE_MAX 65535
#define DNS_UDP_MIN     512  /* accepted by every client, RFC 1035 4.2.1 */
#define DNS_UDP_MAX     4096 /* the longest datagram sent, whatever the client says */
#define DNS_UDP_OURS    1232 /* the size that we announce to clients, RFC 9715 3.1 */
#define DNS_OPT_LEN     11   /* an OPT record without options */
#define DNS_QUERY_MAX   4096 /* a name, its type, and options: no query is longer */

/* RFC 1035 4.1.1, RFC 6895 2: the header's second 16 bits. */
enum {
	DNS_QR = 0x8000,
	DNS_OPCODE = 0x7800,
	DNS_AA = 0x0400,
	DNS_TC = 0x0200,
	DNS_RD = 0x0100,
	DNS_RA = 0x0080,
	DNS_AD = 0x0020,
	DNS_CD = 0x0010,
	DNS_RCODE = 0x000f,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16, /* RFC 6891 6.1.3; its upper bits are in the OPT record */
};

/* The IANA registry's numbers. */
enum {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_SIG = 24,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_DNAME = 39,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_DS = 43,
	DNS_TYPE_DNSKEY = 48,
	DNS_TYPE_SVCB = 64,
	DNS_TYPE_HTTPS = 65,
	DNS_TYPE_TSIG = 250,
	DNS_TYPE_IXFR = 251,
	DNS_TYPE_AXFR = 252,
	DNS_TYPE_ANY = 255,
};
enum { DNS_CLASS_IN = 1, DNS_CLASS_ANY = 255 };

/* --- queries --- */

struct dns_query {
	const uint8_t *data; /* borrowed */
	size_t len;
	uint16_t id, flags;
	struct dns_name name;
	uint16_t type, class;
	size_t question_end; /* DNS_HEADER when there is no readable question */
	bool edns;           /* has an OPT record */
	uint16_t edns_size;  /* announced there; 0 without */
	uint8_t edns_version;
	bool edns_do;      /* DNSSEC wanted, RFC 3225 */
	bool edns_options; /* it has options */
	bool extra;        /* additional records that are not OPT */
};

/*
 * Reads a query. DNS_NOERROR: it is valid; another rcode: it is not, and @query is good enough to
 * answer with that; -1: it must not be answered (an answer, or not a message).
 */
int dns_query_parse(struct dns_query *query, const void *data, size_t len);
/* The longest answer allowed by UDP, in bytes. */
size_t dns_query_udp_limit(const struct dns_query *query);

/* --- local answers --- */

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

struct dns_writer {
	uint8_t *data;
	size_t max, len;
	const struct dns_query *query;
	unsigned rcode;
	bool full; /* something did not fit */
};

/* Begins a local answer to @query in @data; @max is at least DNS_UDP_MIN. */
void dns_answer_begin(struct dns_writer *w, void *data, size_t max, const struct dns_query *query);
void dns_answer_rcode(struct dns_writer *w, enum dns_rcode rcode);
/* Sets AA: the answer is from our own zones. */
void dns_answer_authoritative(struct dns_writer *w);
/*
 * Adds one record, class IN; sections in order. @owner NULL: the question's name. What does not fit
 * is left out, and the answer is marked as truncated.
 */
void dns_answer_add(struct dns_writer *w, enum dns_section section, const struct dns_name *owner,
		    uint16_t type, uint32_t ttl, const void *rdata, size_t len);
/*
 * RFC 1035 3.3.13; both names' rdata. The timers matter only to zone transfers, which are not
 * served.
 */
void dns_answer_add_soa(struct dns_writer *w, enum dns_section section,
			const struct dns_name *owner, uint32_t ttl, const struct dns_name *mname,
			const struct dns_name *rname, uint32_t serial);
/* Adds the OPT record if the query had one. Returns the length. */
size_t dns_answer_end(struct dns_writer *w);
/* All of the above, for an answer with only an rcode. */
size_t dns_answer_only(void *data, size_t max, const struct dns_query *query, enum dns_rcode rcode);

/* --- whole messages --- */

static inline uint16_t dns_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void dns_put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline uint32_t dns_get32(const uint8_t *p)
{
	return (uint32_t)dns_get16(p) << 16 | dns_get16(p + 2);
}

static inline void dns_put32(uint8_t *p, uint32_t v)
{
	dns_put16(p, v >> 16);
	dns_put16(p + 2, v & 0xffff);
}

struct dns_record {
	enum dns_section section;
	struct dns_name owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t start, ttl_at, rdata, rdlen; /* offsets in the message */
};

/* Iterates over the records of a message. */
struct dns_walk {
	const uint8_t *data;
	size_t len, pos;
	uint16_t left[3]; /* per section */
	bool broken;      /* the message is truncated, or a name is invalid */
};

/* Starts after the header and the questions. False: they are incomplete. */
bool dns_walk_begin(struct dns_walk *walk, const void *data, size_t len);
/* False: the end, or the message is broken. */
bool dns_walk_next(struct dns_walk *walk, struct dns_record *record);

/*
 * Cuts an answer that is longer than @limit (at least DNS_UDP_MIN) to header, question and OPT
 * record, and sets TC (RFC 2181 9, RFC 6891 7). Returns the new length.
 */
size_t dns_cut(uint8_t *message, size_t len, size_t limit);

#endif
