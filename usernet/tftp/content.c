/* SPDX-License-Identifier: BSD-3-Clause */
#include "tftp/content.h"

#include <errno.h>
#include <glib.h>
#include <unistd.h>

/* Reads all of @size bytes, fewer only at the end of the file. */
static ssize_t read_at(int fd, off_t at, uint8_t *out, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, out + done, size - done, at + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static ssize_t read_netascii(int fd, struct tftp_cursor *cursor, uint8_t *out, size_t size)
{
	size_t done = 0;

	while (done < size) {
		uint8_t raw[512];
		ssize_t n;

		if (cursor->owes) {
			out[done++] = cursor->owed;
			cursor->owes = false;
			continue;
		}
		n = read_at(fd, cursor->at, raw, MIN(sizeof(raw), size - done));
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n && done < size && !cursor->owes; i++, cursor->at++) {
			bool pair = raw[i] == '\n' || raw[i] == '\r';

			out[done++] = pair ? '\r' : raw[i];
			cursor->owed = raw[i] == '\n' ? '\n' : '\0';
			cursor->owes = pair;
			if (pair && done < size) {
				out[done++] = cursor->owed;
				cursor->owes = false;
			}
		}
	}
	return (ssize_t)done;
}

ssize_t tftp_content_read(int fd, bool netascii, struct tftp_cursor *cursor, uint8_t *out,
			  size_t size)
{
	ssize_t n;

	if (netascii)
		return read_netascii(fd, cursor, out, size);
	n = read_at(fd, cursor->at, out, size);
	if (n > 0)
		cursor->at += n;
	return n;
}
