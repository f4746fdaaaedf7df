/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TFTP_CONTENT_H
#define USERNET_TFTP_CONTENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A file's bytes as TFTP sends them: as they are, or in netascii (RFC 1350 2, RFC 764), where a
 * line ends in CR LF and a CR alone is CR NUL.
 */
struct tftp_cursor {
	off_t at;
	uint8_t owed; /* netascii: the second byte of a pair is still to come */
	bool owes;
};

/*
 * Reads at most @size bytes of @fd from @cursor on into @out, and moves @cursor behind them.
 * Returns the count, which is less than @size only at the end; -1 with errno when reading fails.
 */
ssize_t tftp_content_read(int fd, bool netascii, struct tftp_cursor *cursor, uint8_t *out,
			  size_t size);

#endif
