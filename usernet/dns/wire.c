/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/wire.h"

#include <glib.h>
#include <string.h>

#include "base/reader.h"

enum { AT_FLAGS = 2, AT_QDCOUNT = 4, AT_ANCOUNT = 6, AT_NSCOUNT = 8, AT_ARCOUNT = 10 };

#define EDNS_DO 0x8000 /* RFC 3225 3 */

/* --- walking --- */

static bool skip_questions(const uint8_t *data, size_t len, size_t *pos)
{
	struct dns_name name;

	for (unsigned n = dns_get16(data + AT_QDCOUNT); n; n--) {
		if (!dns_name_read(&name, data, len, pos) || len - *pos < 4)
			return false;
		*pos += 4;
	}
	return true;
}

bool dns_walk_begin(struct dns_walk *walk, const void *data, size_t len)
{
	const uint8_t *p = data;

	*walk = (struct dns_walk){.data = p, .len = len, .pos = DNS_HEADER};
	if (len < DNS_HEADER || !skip_questions(p, len, &walk->pos)) {
		walk->broken = true;
		return false;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(walk->left); i++)
		walk->left[i] = dns_get16(p + AT_ANCOUNT + 2 * i);
	return true;
}

bool dns_walk_next(struct dns_walk *walk, struct dns_record *record)
{
	unsigned section = DNS_ANSWER;
	struct reader r;
	uint16_t rdlen;

	if (walk->broken)
		return false;
	while (section <= DNS_ADDITIONAL && !walk->left[section])
		section++;
	if (section > DNS_ADDITIONAL)
		return false;
	walk->left[section]--;
	record->section = (enum dns_section)section;
	record->start = walk->pos;
	walk->broken = true;
	if (!dns_name_read(&record->owner, walk->data, walk->len, &walk->pos))
		return false;
	r = reader_init(walk->data + walk->pos, walk->len - walk->pos);
	record->ttl_at = walk->pos + 4;
	if (!read_u16(&r, &record->type) || !read_u16(&r, &record->class) ||
	    !read_u32(&r, &record->ttl) || !read_u16(&r, &rdlen) || !read_skip(&r, rdlen))
		return false;
	record->rdlen = rdlen;
	record->rdata = record->ttl_at + 6;
	walk->pos = record->rdata + rdlen;
	walk->broken = false;
	return true;
}

/* --- queries --- */

/* Nothing comes before the question, so its name has no pointers. */
static bool read_question(struct dns_query *query)
{
	size_t pos = DNS_HEADER;

	for (size_t i = pos; i < query->len && query->data[i]; i += 1 + query->data[i]) {
		if (query->data[i] > DNS_LABEL_MAX)
			return false;
	}
	if (!dns_name_read(&query->name, query->data, query->len, &pos) || query->len - pos < 4)
		return false;
	query->type = dns_get16(query->data + pos);
	query->class = dns_get16(query->data + pos + 2);
	query->question_end = pos + 4;
	return true;
}

static bool note_opt(struct dns_query *query, const struct dns_record *record)
{
	/* RFC 6891 6.1.1: at most one, owned by the root. */
	if (query->edns || record->owner.len != 1)
		return false;
	query->edns = true;
	query->edns_size = record->class;
	query->edns_version = (uint8_t)(record->ttl >> 16);
	query->edns_do = record->ttl & EDNS_DO;
	query->edns_options = record->rdlen > 0;
	return true;
}

static bool read_additional(struct dns_query *query)
{
	struct dns_walk walk;
	struct dns_record record;

	if (!dns_walk_begin(&walk, query->data, query->len))
		return false;
	while (dns_walk_next(&walk, &record)) {
		if (record.type != DNS_TYPE_OPT)
			query->extra = true;
		else if (!note_opt(query, &record))
			return false;
	}
	return !walk.broken && walk.pos == query->len;
}

int dns_query_parse(struct dns_query *query, const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len < DNS_HEADER || len > DNS_MESSAGE_MAX)
		return -1;
	*query = (struct dns_query){.data = p, .len = len, .question_end = DNS_HEADER};
	query->id = dns_get16(p);
	query->flags = dns_get16(p + AT_FLAGS);
	/* Answering an answer could start an endless exchange. */
	if (query->flags & DNS_QR)
		return -1;
	if (query->flags & DNS_OPCODE)
		return DNS_NOTIMP;
	if (len > DNS_QUERY_MAX || dns_get16(p + AT_QDCOUNT) != 1 || !read_question(query))
		return DNS_FORMERR;
	/* A transfer query has records in its authority section; transfers are not served. */
	if (query->type == DNS_TYPE_AXFR || query->type == DNS_TYPE_IXFR)
		return DNS_REFUSED;
	if (dns_get16(p + AT_ANCOUNT) || dns_get16(p + AT_NSCOUNT) || !read_additional(query))
		return DNS_FORMERR;
	return DNS_NOERROR;
}

size_t dns_query_udp_limit(const struct dns_query *query)
{
	return CLAMP(query->edns_size, DNS_UDP_MIN, DNS_UDP_MAX);
}

/* --- local answers --- */

static uint8_t *writer_take(struct dns_writer *w, size_t len)
{
	/* Keep room for the OPT record of dns_answer_end(). */
	size_t reserve = w->query->edns ? DNS_OPT_LEN : 0;
	uint8_t *p = w->data + w->len;

	if (w->full || len + reserve > w->max - w->len) {
		w->full = true;
		return NULL;
	}
	w->len += len;
	return p;
}

void dns_answer_begin(struct dns_writer *w, void *data, size_t max, const struct dns_query *query)
{
	*w = (struct dns_writer){.data = data, .max = max, .len = DNS_HEADER, .query = query};
	memset(data, 0, DNS_HEADER);
	dns_put16(w->data, query->id);
	dns_put16(w->data + AT_FLAGS,
		  DNS_QR | DNS_RA | (query->flags & (DNS_OPCODE | DNS_RD | DNS_CD)));
	if (query->question_end > DNS_HEADER) {
		/* The name in the client's own upper and lower case. */
		memcpy(w->data + DNS_HEADER, query->data + DNS_HEADER,
		       query->question_end - DNS_HEADER);
		w->len = query->question_end;
		dns_put16(w->data + AT_QDCOUNT, 1);
	}
}

void dns_answer_rcode(struct dns_writer *w, enum dns_rcode rcode)
{
	w->rcode = rcode;
}

void dns_answer_authoritative(struct dns_writer *w)
{
	dns_put16(w->data + AT_FLAGS, dns_get16(w->data + AT_FLAGS) | DNS_AA);
}

#define QUESTION_POINTER (0xc000 | DNS_HEADER)

void dns_answer_add(struct dns_writer *w, enum dns_section section, const struct dns_name *owner,
		    uint16_t type, uint32_t ttl, const void *rdata, size_t len)
{
	uint8_t *count = w->data + AT_ANCOUNT + 2 * section;
	size_t name = owner ? owner->len : 2;
	uint8_t *p = writer_take(w, name + 10 + len);

	if (!p)
		return;
	if (owner)
		memcpy(p, owner->wire, name);
	else
		dns_put16(p, QUESTION_POINTER);
	p += name;
	dns_put16(p, type);
	dns_put16(p + 2, DNS_CLASS_IN);
	dns_put32(p + 4, ttl);
	dns_put16(p + 8, (unsigned)len);
	memcpy(p + 10, rdata, len);
	dns_put16(count, dns_get16(count) + 1u);
}

void dns_answer_add_soa(struct dns_writer *w, enum dns_section section,
			const struct dns_name *owner, uint32_t ttl, const struct dns_name *mname,
			const struct dns_name *rname, uint32_t serial)
{
	/* Refresh, retry, expire as in RFC 1912 2.2; the last is the negative TTL. */
	const uint32_t numbers[] = {serial, 1200, 180, 1209600, ttl};
	uint8_t rdata[2 * DNS_NAME_MAX + sizeof(numbers)];
	size_t len = mname->len;

	memcpy(rdata, mname->wire, mname->len);
	memcpy(rdata + len, rname->wire, rname->len);
	len += rname->len;
	for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++, len += 4)
		dns_put32(rdata + len, numbers[i]);
	dns_answer_add(w, section, owner, DNS_TYPE_SOA, ttl, rdata, len);
}

size_t dns_answer_end(struct dns_writer *w)
{
	unsigned flags = dns_get16(w->data + AT_FLAGS) | (w->rcode & DNS_RCODE);
	uint8_t *p = w->data + w->len;

	dns_put16(w->data + AT_FLAGS, flags | (w->full ? DNS_TC : 0));
	if (!w->query->edns)
		return w->len;
	p[0] = 0;
	dns_put16(p + 1, DNS_TYPE_OPT);
	dns_put16(p + 3, DNS_UDP_OURS);
	dns_put32(p + 5, (uint32_t)(w->rcode >> 4) << 24 | (w->query->edns_do ? EDNS_DO : 0));
	dns_put16(p + 9, 0);
	dns_put16(w->data + AT_ARCOUNT, dns_get16(w->data + AT_ARCOUNT) + 1u);
	return w->len + DNS_OPT_LEN;
}

size_t dns_answer_only(void *data, size_t max, const struct dns_query *query, enum dns_rcode rcode)
{
	struct dns_writer w;

	dns_answer_begin(&w, data, max, query);
	dns_answer_rcode(&w, rcode);
	return dns_answer_end(&w);
}

/* --- cutting --- */

size_t dns_cut(uint8_t *message, size_t len, size_t limit)
{
	size_t question_end, opt = 0, opt_len = 0;
	struct dns_record record;
	struct dns_walk walk;

	if (len <= limit)
		return len;
	dns_put16(message + AT_FLAGS, dns_get16(message + AT_FLAGS) | DNS_TC);
	if (!dns_walk_begin(&walk, message, len) || walk.pos > limit) {
		memset(message + AT_QDCOUNT, 0, DNS_HEADER - AT_QDCOUNT);
		return DNS_HEADER;
	}
	question_end = walk.pos;
	while (dns_walk_next(&walk, &record)) {
		if (record.type == DNS_TYPE_OPT && record.section == DNS_ADDITIONAL) {
			opt = record.start;
			opt_len = walk.pos - record.start;
		}
	}
	memset(message + AT_ANCOUNT, 0, DNS_HEADER - AT_ANCOUNT);
	/* Its owner is the root, so it may be moved. */
	if (!opt || message[opt] != 0 || opt_len > limit - question_end)
		return question_end;
	memmove(message + question_end, message + opt, opt_len);
	dns_put16(message + AT_ARCOUNT, 1);
	return question_end + opt_len;
}
