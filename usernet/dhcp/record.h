/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_RECORD_H
#define USERNET_DHCP_RECORD_H

#include <glib.h>
#include <stdint.h>

#include "dhcp/lease.h"

/*
 * A lease as a line of dnsmasq's lease file (dnsmasq lease.c lease_update_file):
 *
 *     1700000000 52:54:00:12:34:02 10.0.2.15 web 01:52:54:00:12:34:02
 *
 * Its end by the wall clock (seconds since 1970; 0: never), MAC, address, name, client identifier;
 * '*' for none. Our extensions:
 * - an ended lease keeps its line, with a time in the past: its client is remembered;
 * - an address that is reserved but not leased has the time 0;
 * - a declined one has the MAC 00:00:00:00:00:00, and rests until its time.
 */
struct lease_record {
	int64_t expiry;
	struct lease lease; /* mac, addr, hostname and client identifier */
};

/* The longest line, with its newline; longer ones are invalid. */
#define LEASE_LINE_MAX 320

/* @now and @wall are the same moment: monotonic microseconds, seconds since 1970. */
void lease_record_make(struct lease_record *record, const struct lease *lease, usec_t now,
		       int64_t wall);
/*
 * Sets record->lease's state and expires. A lease lasts at most @longest from @now, whatever the
 * wall clock was when it was written.
 */
void lease_record_settle(struct lease_record *record, usec_t now, int64_t wall, usec_t longest);

void lease_record_format(GString *out, const struct lease_record *record);
/* @line has @len bytes, without the newline. False: *@why says what is wrong, for messages. */
bool lease_record_parse(struct lease_record *record, const char *line, size_t len,
			const char **why);

#endif
