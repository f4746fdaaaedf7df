/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/wire.h"

#include <glib.h>

#include "base/checksum.h"
#include "base/reader.h"
#include "packet/packet.h"
#include "packet/udp.h"

static const uint8_t cookie[4] = {99, 130, 83, 99}; /* RFC 2131 3 */

/* RFC 2132 9.3: the fields that carry options too. */
enum { OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2 };

/* --- parse --- */

/*
 * The next option that is not padding, RFC 2132 2. False: @r is at its end, or at a truncated
 * option.
 */
static bool next_option(struct reader *r, uint8_t *code, const uint8_t **value, uint8_t *len)
{
	struct reader at = *r;

	*code = DHCP_OPT_END;
	while (read_u8(&at, code) && *code == DHCP_OPT_PAD)
		*r = at;
	if (r->rem == 0 || *code == DHCP_OPT_END) {
		r->rem = 0;
		return false;
	}
	if (!read_u8(&at, len))
		return false;
	*value = read_bytes(&at, *len);
	if (!*value)
		return false;
	*r = at;
	return true;
}

/*
 * Goes through the options of one field, in two rounds over all fields: the first adds up their
 * lengths, the second copies the bytes. False: one is truncated.
 */
static bool walk(struct dhcp_message *msg, struct reader r, bool copy, size_t *filled)
{
	const uint8_t *value;
	uint8_t code, len;

	while (next_option(&r, &code, &value, &len)) {
		if (copy)
			memcpy(msg->data + msg->at[code] + filled[code], value, len);
		filled[code] += len;
		msg->present[code] = true;
	}
	return r.rem == 0;
}

static bool find_overload(struct reader r, uint8_t *overload)
{
	const uint8_t *value;
	uint8_t code, len;

	*overload = 0;
	while (next_option(&r, &code, &value, &len)) {
		if (code != DHCP_OPT_OVERLOAD)
			continue;
		if (len != 1 || value[0] < 1 || value[0] > 3)
			return false;
		*overload = value[0];
	}
	return r.rem == 0;
}

static bool parse_options(struct dhcp_message *msg, struct reader options)
{
	size_t total[256] = {0}, filled[256] = {0}, at = 0;
	struct reader fields[3];
	unsigned n = 0;
	uint8_t overload;

	if (!find_overload(options, &overload))
		return false;
	/* Order in which long options continue: RFC 3396 5. */
	fields[n++] = options;
	if (overload & OVERLOAD_FILE)
		fields[n++] = reader_init(msg->file, sizeof msg->file);
	if (overload & OVERLOAD_SNAME)
		fields[n++] = reader_init(msg->sname, sizeof msg->sname);
	for (unsigned i = 0; i < n; i++)
		if (!walk(msg, fields[i], false, total))
			return false;
	/* All options together are shorter than the message, which data can hold. */
	for (unsigned code = 0; code < 256; code++) {
		msg->at[code] = (uint16_t)at;
		msg->len[code] = (uint16_t)total[code];
		at += total[code];
	}
	for (unsigned i = 0; i < n; i++)
		walk(msg, fields[i], true, filled);
	if (overload & OVERLOAD_FILE)
		memset(msg->file, 0, sizeof msg->file);
	if (overload & OVERLOAD_SNAME)
		memset(msg->sname, 0, sizeof msg->sname);
	return true;
}

static bool lengths_are_right(const struct dhcp_message *msg)
{
	static const struct {
		uint8_t code, len;
	} fixed[] = {
		{DHCP_OPT_REQUESTED_ADDR, 4}, {DHCP_OPT_LEASE_TIME, 4}, {DHCP_OPT_TYPE, 1},
		{DHCP_OPT_SERVER_ID, 4},      {DHCP_OPT_MAX_SIZE, 2},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(fixed); i++)
		if (msg->present[fixed[i].code] && msg->len[fixed[i].code] != fixed[i].len)
			return false;
	return true;
}

bool dhcp_parse(struct dhcp_message *msg, const uint8_t *p, size_t len, enum drop_reason *why)
{
	struct reader r = reader_init(p, len);
	const uint8_t *magic;

	if (len > DHCP_MESSAGE_MAX) {
		*why = DROP_OVERSIZE;
		return false;
	}
	memset(msg, 0, offsetof(struct dhcp_message, data));
	if (!read_u8(&r, &msg->op) || !read_u8(&r, &msg->htype) || !read_u8(&r, &msg->hlen) ||
	    !read_u8(&r, &msg->hops) || !read_u32(&r, &msg->xid) || !read_u16(&r, &msg->secs) ||
	    !read_u16(&r, &msg->flags) || !read_copy(&r, &msg->ciaddr, 4) ||
	    !read_copy(&r, &msg->yiaddr, 4) || !read_copy(&r, &msg->siaddr, 4) ||
	    !read_copy(&r, &msg->giaddr, 4) || !read_copy(&r, msg->chaddr, DHCP_CHADDR_LEN) ||
	    !read_copy(&r, msg->sname, DHCP_SNAME_LEN) ||
	    !read_copy(&r, msg->file, DHCP_FILE_LEN)) {
		*why = DROP_TRUNCATED;
		return false;
	}
	*why = DROP_MALFORMED;
	if (msg->hlen > DHCP_CHADDR_LEN)
		return false;
	magic = read_bytes(&r, sizeof cookie);
	if (!magic || memcmp(magic, cookie, sizeof cookie) != 0)
		return true; /* BOOTP with its own vendor area, or none */
	msg->has_options = true;
	if (!parse_options(msg, r)) {
		*why = DROP_TRUNCATED;
		return false;
	}
	if (!lengths_are_right(msg))
		return false;
	if (msg->present[DHCP_OPT_TYPE]) {
		msg->type = msg->data[msg->at[DHCP_OPT_TYPE]];
		if (msg->type == DHCP_BOOTP)
			return false;
	}
	return true;
}

const uint8_t *dhcp_option_get(const struct dhcp_message *msg, uint8_t option, size_t *len)
{
	*len = msg->len[option];
	return msg->present[option] ? msg->data + msg->at[option] : NULL;
}

uint32_t dhcp_option_u32(const struct dhcp_message *msg, uint8_t option, uint32_t otherwise)
{
	struct reader r = reader_init(msg->data + msg->at[option], msg->len[option]);

	read_u32(&r, &otherwise);
	return otherwise;
}

uint16_t dhcp_option_u16(const struct dhcp_message *msg, uint8_t option, uint16_t otherwise)
{
	struct reader r = reader_init(msg->data + msg->at[option], msg->len[option]);

	read_u16(&r, &otherwise);
	return otherwise;
}

struct in_addr dhcp_option_addr(const struct dhcp_message *msg, uint8_t option)
{
	return (struct in_addr){htonl(dhcp_option_u32(msg, option, 0))};
}

/* --- build --- */

static uint8_t *put_addr(uint8_t *p, struct in_addr addr)
{
	memcpy(p, &addr, 4);
	return p + 4;
}

static bool reply_has(const struct dhcp_reply *reply, uint8_t option)
{
	for (unsigned i = 0; i < reply->n_options; i++)
		if (reply->options[i].code == option)
			return true;
	return false;
}

void dhcp_reply_add(struct dhcp_reply *reply, uint8_t option, const void *data, size_t len)
{
	if (reply_has(reply, option))
		return;
	if (reply->n_options == DHCP_REPLY_OPTIONS || len > sizeof reply->data - reply->used)
		return;
	reply->options[reply->n_options].code = option;
	reply->options[reply->n_options].at = (uint16_t)reply->used;
	reply->options[reply->n_options].len = (uint16_t)len;
	reply->n_options++;
	memcpy(reply->data + reply->used, data, len);
	reply->used += len;
}

void dhcp_reply_add_u8(struct dhcp_reply *reply, uint8_t option, uint8_t v)
{
	dhcp_reply_add(reply, option, &v, 1);
}

void dhcp_reply_add_u16(struct dhcp_reply *reply, uint8_t option, uint16_t v)
{
	uint8_t wire[2];

	packet_put16(wire, v);
	dhcp_reply_add(reply, option, wire, sizeof wire);
}

void dhcp_reply_add_u32(struct dhcp_reply *reply, uint8_t option, uint32_t v)
{
	uint8_t wire[4];

	packet_put32(wire, v);
	dhcp_reply_add(reply, option, wire, sizeof wire);
}

void dhcp_reply_add_addr(struct dhcp_reply *reply, uint8_t option, struct in_addr addr)
{
	dhcp_reply_add(reply, option, &addr, 4);
}

/* A field that carries options; room does not include what must follow them. */
struct field {
	uint8_t *p;
	size_t room;
};

/*
 * Places an option in the first of the @n fields where it fits; parts of a long one never go to an
 * earlier field. All or nothing.
 */
static bool place(struct field *fields, unsigned n, uint8_t code, const uint8_t *data, size_t len)
{
	struct field saved[3];
	unsigned i = 0;

	memcpy(saved, fields, n * sizeof *fields);
	do {
		size_t part = MIN(len, 255);

		while (i < n && fields[i].room < part + 2)
			i++;
		if (i == n) {
			memcpy(fields, saved, n * sizeof *fields);
			return false;
		}
		*fields[i].p++ = code;
		*fields[i].p++ = (uint8_t)part;
		memcpy(fields[i].p, data, part);
		fields[i].p += part;
		fields[i].room -= part + 2;
		data += part;
		len -= part;
	} while (len);
	return true;
}

/* Writes everything after the fixed part's addresses. Returns how many options did not fit. */
static unsigned write_options(const struct dhcp_reply *reply, uint8_t *out, size_t max,
			      uint8_t overload, size_t *len)
{
	uint8_t *sname = out + 44, *file = sname + DHCP_SNAME_LEN;
	uint8_t *options = out + DHCP_FIXED_LEN + sizeof cookie;
	size_t file_name = reply->bootfile ? strlen(reply->bootfile) : 0;
	bool in_file = !(overload & OVERLOAD_FILE) && file_name < DHCP_FILE_LEN;
	struct field fields[3];
	unsigned n = 0, lost = 0;

	memset(sname, 0, max - 44);
	memcpy(out + DHCP_FIXED_LEN, cookie, sizeof cookie);
	/* Each field ends in END; the first says which others carry options. */
	fields[n++] = (struct field){options,
				     max - DHCP_FIXED_LEN - sizeof cookie - 1 - (overload ? 3 : 0)};
	if (overload & OVERLOAD_FILE)
		fields[n++] = (struct field){file, DHCP_FILE_LEN - 1};
	if (overload & OVERLOAD_SNAME)
		fields[n++] = (struct field){sname, DHCP_SNAME_LEN - 1};
	if (in_file)
		memcpy(file, reply->bootfile ? reply->bootfile : "", file_name);

	for (unsigned i = 0; i < reply->n_options; i++) {
		lost += !place(fields, n, reply->options[i].code,
			       reply->data + reply->options[i].at, reply->options[i].len);
		/* Right after the message type: without it the client does not boot. */
		if (i == 0 && file_name && !in_file && !reply_has(reply, DHCP_OPT_BOOTFILE))
			lost += !place(fields, n, DHCP_OPT_BOOTFILE,
				       (const uint8_t *)reply->bootfile, file_name);
	}
	if (overload) {
		*fields[0].p++ = DHCP_OPT_OVERLOAD;
		*fields[0].p++ = 1;
		*fields[0].p++ = overload;
	}
	for (unsigned i = 0; i < n; i++)
		*fields[i].p++ = DHCP_OPT_END;
	*len = MAX((size_t)(fields[0].p - out), DHCP_REPLY_MIN);
	return lost;
}

size_t dhcp_reply_write(const struct dhcp_reply *reply, uint8_t *out, size_t max)
{
	uint8_t *p = out;
	size_t len;

	*p++ = BOOTP_REPLY;
	*p++ = 1; /* ARPHRD_ETHER */
	*p++ = reply->hlen;
	*p++ = 0; /* hops */
	p = packet_put32(p, reply->xid);
	p = packet_put16(p, reply->secs);
	p = packet_put16(p, reply->flags);
	p = put_addr(p, reply->ciaddr);
	p = put_addr(p, reply->yiaddr);
	p = put_addr(p, reply->siaddr);
	p = put_addr(p, reply->giaddr);
	memcpy(p, reply->chaddr, DHCP_CHADDR_LEN);
	if (write_options(reply, out, max, 0, &len) && !reply->plain_bootp &&
	    write_options(reply, out, max, OVERLOAD_SNAME, &len))
		write_options(reply, out, max, OVERLOAD_SNAME | OVERLOAD_FILE, &len);
	return len;
}

size_t dhcp_frame_finish(uint8_t *frame, size_t len, const struct dhcp_route *route)
{
	const struct udp_address address = {
		.eth_src = route->eth_src,
		.eth_dst = route->eth_dst,
		.src = address_map4(route->src.s_addr),
		.dst = address_map4(route->dst.s_addr),
		.sport = DHCP_SERVER_PORT,
		.dport = route->dport,
		.whole = true,
	};

	udp_put_headers(frame, &address, len, csum_add(0, frame + DHCP_HEADERS, len));
	return DHCP_HEADERS + len;
}
