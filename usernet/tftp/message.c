/* SPDX-License-Identifier: BSD-3-Clause */
#include "tftp/message.h"

#include <glib.h>

#include "base/reader.h"
#include "packet/packet.h"

/* Reads a NUL-terminated string; NULL: it has no end. */
static const char *read_string(struct reader *r)
{
	const uint8_t *end = r->rem ? memchr(r->p, 0, r->rem) : NULL;

	return end ? (const char *)read_bytes(r, (size_t)(end - r->p) + 1) : NULL;
}

/* 0: not a number from @min to @max. */
static unsigned number(const char *text, unsigned min, unsigned max)
{
	guint64 value;

	return g_ascii_string_to_unsigned(text, 10, min, max, &value, NULL) ? (unsigned)value : 0;
}

static void take_option(struct tftp_request *request, const char *key, const char *value)
{
	if (g_ascii_strcasecmp(key, "blksize") == 0)
		request->block_size = number(value, TFTP_BLOCK_MIN, TFTP_BLOCK_MAX);
	else if (g_ascii_strcasecmp(key, "timeout") == 0)
		request->timeout = number(value, 1, 255);
	else if (g_ascii_strcasecmp(key, "windowsize") == 0)
		request->window = number(value, 1, 65535);
	else if (g_ascii_strcasecmp(key, "tsize") == 0)
		request->wants_size = true;
}

static enum tftp_mode mode_of(const char *text)
{
	if (g_ascii_strcasecmp(text, "octet") == 0)
		return TFTP_OCTET;
	if (g_ascii_strcasecmp(text, "netascii") == 0)
		return TFTP_NETASCII;
	return TFTP_UNKNOWN_MODE;
}

bool tftp_request_parse(struct tftp_request *request, const uint8_t *p, size_t len)
{
	struct reader r = reader_init(p, len);
	const char *name = read_string(&r), *mode = name ? read_string(&r) : NULL;

	memset(request, 0, sizeof(*request));
	if (!mode || !name[0] || strlen(name) > TFTP_NAME_MAX)
		return false;
	g_strlcpy(request->name, name, sizeof(request->name));
	request->mode = mode_of(mode);
	while (r.rem) {
		const char *key = read_string(&r), *value = key ? read_string(&r) : NULL;

		/* Some loaders pad after the last option. */
		if (!value)
			break;
		take_option(request, key, value);
	}
	return true;
}

/* "KEY\0NUMBER\0" */
static uint8_t *put_option(uint8_t *p, const char *key, uint64_t value)
{
	size_t len = strlen(key) + 1;

	memcpy(p, key, len);
	return p + len + g_snprintf((char *)p + len, 21, "%" G_GUINT64_FORMAT, value) + 1;
}

size_t tftp_write_oack(uint8_t *out, const struct tftp_grant *grant)
{
	uint8_t *p = packet_put16(out, TFTP_OACK);

	if (grant->block_size)
		p = put_option(p, "blksize", grant->block_size);
	if (grant->says_size)
		p = put_option(p, "tsize", grant->size);
	if (grant->timeout)
		p = put_option(p, "timeout", grant->timeout);
	if (grant->window)
		p = put_option(p, "windowsize", grant->window);
	return (size_t)(p - out);
}

size_t tftp_write_error(uint8_t *out, enum tftp_error code, const char *text)
{
	uint8_t *p = packet_put16(packet_put16(out, TFTP_ERROR), (uint16_t)code);

	g_strlcpy((char *)p, text, TFTP_ERROR_MAX - TFTP_HEADER);
	return TFTP_HEADER + strlen((char *)p) + 1;
}
