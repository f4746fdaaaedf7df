/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/hello.h"

#include <string.h>

#include "base/reader.h"

enum {
	RECORD_HANDSHAKE = 22,
	RECORD_HEADER = 5,
	RECORD_MAX = 16384, /* RFC 8446 5.1 */
	MESSAGE_CLIENT_HELLO = 1,
	MESSAGE_HEADER = 4,
	EXTENSION_SERVER_NAME = 0,
	NAME_HOST = 0,
};

/* The text of a name: letters, digits, '-', '_' and dots, at least one label. */
static bool take_name(struct dns_name *name, const uint8_t *text, size_t len)
{
	char copy[DNS_NAME_MAX + 1];

	if (!len || len > DNS_NAME_MAX - 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = text[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      c == '-' || c == '_' || c == '.'))
			return false;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	return dns_name_parse(name, copy) && name->len > 1;
}

/* --- TLS --- */

static bool read_vector8(struct reader *r, struct reader *sub)
{
	uint8_t len;

	return read_u8(r, &len) && read_sub(r, len, sub);
}

static bool read_vector16(struct reader *r, struct reader *sub)
{
	uint16_t len;

	return read_u16(r, &len) && read_sub(r, len, sub);
}

/* RFC 6066 3: a list, in which there is one name at most of each type. */
static bool read_server_name(struct dns_name *name, struct reader r)
{
	struct reader list, text;
	uint8_t type;

	return read_vector16(&r, &list) && !r.rem && read_u8(&list, &type) && type == NAME_HOST &&
	       read_vector16(&list, &text) && !list.rem && take_name(name, text.p, text.rem);
}

/* @body: of a ClientHello. */
static enum hello read_hello(struct dns_name *name, struct reader body)
{
	struct reader skip, extensions, data;
	bool found = false;
	uint16_t type;

	if (!read_skip(&body, 2 + 32) || !read_vector8(&body, &skip) ||
	    !read_vector16(&body, &skip) || !read_vector8(&body, &skip) ||
	    !read_vector16(&body, &extensions) || body.rem)
		return HELLO_NAMELESS;
	while (extensions.rem) {
		if (!read_u16(&extensions, &type) || !read_vector16(&extensions, &data))
			return HELLO_NAMELESS;
		if (type != EXTENSION_SERVER_NAME)
			continue;
		if (found || !read_server_name(name, data))
			return HELLO_NAMELESS;
		found = true;
	}
	return found ? HELLO_NAMED : HELLO_NAMELESS;
}

/* Is @len long enough for a ClientHello of which the first bytes are known? */
static enum hello read_message(struct dns_name *name, const uint8_t *message, size_t len)
{
	size_t size;

	if (len && message[0] != MESSAGE_CLIENT_HELLO)
		return HELLO_NAMELESS;
	if (len < MESSAGE_HEADER)
		return HELLO_MORE;
	size = (size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3];
	if (size > HELLO_MAX - MESSAGE_HEADER)
		return HELLO_NAMELESS;
	if (len < MESSAGE_HEADER + size)
		return HELLO_MORE;
	return read_hello(name, reader_init(message + MESSAGE_HEADER, size));
}

static enum hello read_tls(struct dns_name *name, struct reader r)
{
	uint8_t message[HELLO_MAX];
	size_t n = 0;

	for (;;) {
		enum hello hello = read_message(name, message, n);
		uint8_t type, major, minor;
		uint16_t len;
		size_t take;

		if (hello != HELLO_MORE)
			return hello;
		/* Check what has come of the header, so that other protocols are known at once. */
		if ((r.rem > 0 && r.p[0] != RECORD_HANDSHAKE) || (r.rem > 1 && r.p[1] != 3))
			return HELLO_NAMELESS;
		if (r.rem < RECORD_HEADER)
			return HELLO_MORE;
		if (!read_u8(&r, &type) || !read_u8(&r, &major) || !read_u8(&r, &minor) ||
		    !read_u16(&r, &len) || !len || len > RECORD_MAX)
			return HELLO_NAMELESS;
		take = len < r.rem ? len : r.rem;
		/* The records' headers count to the input, so this fits; be sure. */
		if (take > sizeof(message) - n || !read_copy(&r, message + n, take))
			return HELLO_NAMELESS;
		n += take;
		if (take < len)
			return read_message(name, message, n);
	}
}

/* --- HTTP --- */

static bool is_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* The next line without its CRLF; NULL: it is not complete, or (*@wrong) has a bare CR or LF. */
static const uint8_t *read_line(struct reader *r, size_t *len, bool *wrong)
{
	for (size_t i = 0; i < r->rem; i++) {
		if (r->p[i] == '\r' && i + 1 == r->rem)
			return NULL;
		if (r->p[i] == '\r' && r->p[i + 1] == '\n') {
			const uint8_t *line = r->p;

			*len = i;
			read_skip(r, i + 2);
			return line;
		}
		if (r->p[i] == '\r' || r->p[i] == '\n' || !r->p[i]) {
			*wrong = true;
			return NULL;
		}
	}
	return NULL;
}

/* "GET /path HTTP/1.1": the target must be a path or '*', so that Host names the server. */
static bool is_request(const uint8_t *line, size_t len)
{
	const uint8_t *target, *end;
	size_t method = 0;

	while (method < len && is_token(line[method]))
		method++;
	if (!method || method == len || line[method] != ' ')
		return false;
	target = line + method + 1;
	len -= method + 1;
	end = memchr(target, ' ', len);
	if (!end || end == target || (*target != '/' && !(*target == '*' && end == target + 1)))
		return false;
	len -= (size_t)(end - target) + 1;
	return len == 8 && !memcmp(end + 1, "HTTP/1.", 7) && (end[8] == '0' || end[8] == '1');
}

static bool is_host(const uint8_t *name, size_t len)
{
	static const char host[] = "host";

	if (len != 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		if ((name[i] | 0x20) != host[i])
			return false;
	}
	return true;
}

/* "example.com:8080", blanks around it. */
static bool take_host(struct dns_name *name, const uint8_t *value, size_t len)
{
	size_t end = 0;

	while (len && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	while (end < len && value[end] != ':')
		end++;
	for (size_t i = end + 1; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return false;
	}
	return take_name(name, value, end);
}

static enum hello read_http(struct dns_name *name, struct reader r)
{
	bool found = false, wrong = false, first = true;
	const uint8_t *line;
	size_t len;

	/* Anything but a method is recognised at once. */
	for (size_t i = 0; i < r.rem && r.p[i] != ' '; i++) {
		if (!is_token(r.p[i]) || i > 32)
			return HELLO_NAMELESS;
	}
	while ((line = read_line(&r, &len, &wrong))) {
		size_t colon = 0;

		if (first && !is_request(line, len))
			return HELLO_NAMELESS;
		if (!len)
			return found ? HELLO_NAMED : HELLO_NAMELESS;
		if (first) {
			first = false;
			continue;
		}
		while (colon < len && is_token(line[colon]))
			colon++;
		if (!colon || colon == len || line[colon] != ':')
			return HELLO_NAMELESS;
		if (!is_host(line, colon))
			continue;
		if (found || !take_host(name, line + colon + 1, len - colon - 1))
			return HELLO_NAMELESS;
		found = true;
	}
	return wrong ? HELLO_NAMELESS : HELLO_MORE;
}

enum hello hello_read(struct dns_name *name, const uint8_t *data, size_t len, bool sni, bool host)
{
	enum hello hello;

	if (!len)
		return HELLO_MORE;
	if (data[0] == RECORD_HANDSHAKE)
		hello = sni ? read_tls(name, reader_init(data, len)) : HELLO_NAMELESS;
	else
		hello = host ? read_http(name, reader_init(data, len)) : HELLO_NAMELESS;
	return hello == HELLO_MORE && len >= HELLO_MAX ? HELLO_NAMELESS : hello;
}
