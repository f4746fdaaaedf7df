/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TFTP_MESSAGE_H
#define USERNET_TFTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * TFTP messages (RFC 1350) and the options of a request (RFC 2347, 2348, 2349, 7440): parses and
 * builds them. Makes no decisions.
 */
enum tftp_op {
	TFTP_RRQ = 1,
	TFTP_WRQ = 2,
	TFTP_DATA = 3,
	TFTP_ACK = 4,
	TFTP_ERROR = 5,
	TFTP_OACK = 6, /* RFC 2347 */
};

/* RFC 1350 appendix, RFC 2347 */
enum tftp_error {
	TFTP_ERROR_OTHER = 0,
	TFTP_ERROR_NOT_FOUND = 1,
	TFTP_ERROR_ACCESS = 2,
	TFTP_ERROR_ILLEGAL = 4,
	TFTP_ERROR_UNKNOWN_ID = 5,
	TFTP_ERROR_OPTIONS = 8,
};

enum {
	TFTP_HEADER = 4,          /* length of DATA, ACK and ERROR headers */
	TFTP_BLOCK_DEFAULT = 512, /* RFC 1350 2 */
	TFTP_BLOCK_MIN = 8,       /* RFC 2348 */
	TFTP_BLOCK_MAX = 65464,
	TFTP_NAME_MAX = 1024, /* bytes of a file's name */
};

enum tftp_mode { TFTP_OCTET, TFTP_NETASCII, TFTP_UNKNOWN_MODE };

/* A read or write request. An option that is absent or out of range is 0. */
struct tftp_request {
	char name[TFTP_NAME_MAX + 1];
	enum tftp_mode mode;
	unsigned block_size; /* bytes */
	unsigned timeout;    /* seconds, 1 to 255 (RFC 2349) */
	unsigned window;     /* blocks, 1 to 65535 (RFC 7440) */
	bool wants_size;
};

/*
 * Parses what follows the opcode of a request. False: a string has no end, or the name is empty or
 * longer than TFTP_NAME_MAX.
 */
bool tftp_request_parse(struct tftp_request *request, const uint8_t *p, size_t len);

/* The options that an OACK grants; 0 and false: left out. */
struct tftp_grant {
	unsigned block_size, timeout, window;
	bool says_size;
	uint64_t size; /* bytes */
};

#define TFTP_OACK_MAX  128
#define TFTP_ERROR_MAX 128

/* Writes at most TFTP_OACK_MAX bytes. Returns the length. */
size_t tftp_write_oack(uint8_t *out, const struct tftp_grant *grant);
/* Writes at most TFTP_ERROR_MAX bytes; truncates a longer @text. Returns the length. */
size_t tftp_write_error(uint8_t *out, enum tftp_error code, const char *text);

#endif
