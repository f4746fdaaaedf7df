/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TFTP_CONTENT_H
#define USERNET_TFTP_CONTENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A file's bytes as TFTP sends them: unchanged, or in netascii (RFC 1350 2, RFC 764), where a line
 * ends in CR LF and a single CR is CR NUL.
 */
struct tftp_cursor {
	off_t at;
	uint8_t owed; /* netascii: the pair's second byte, still to be sent */
	bool owes;
};

/*
 * Reads at most @size bytes of @fd from @cursor on into @out, and advances @cursor. Returns the
 * count, less than @size only at the end; -1 with errno: a read error.
 */
ssize_t tftp_content_read(int fd, bool netascii, struct tftp_cursor *cursor, uint8_t *out,
			  size_t size);

#endif
