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
 * When it ends by the wall clock (seconds since 1970; 0: never), MAC, address, name, client
 * identifier; '*' where there is none. Ours beside that:
 *   - a lease that has ended stays as a line, with a time that is over: its client is remembered;
 *   - an address that is reserved but not leased has the time 0;
 *   - a declined one has the MAC 00:00:00:00:00:00, and rests until then.
 */
struct lease_record {
	int64_t expiry;
	struct lease lease; /* mac, addr, hostname and client identifier */
};

/* The longest line, with its end; what is longer is none. */
#define LEASE_LINE_MAX 320

/* @now and @wall are the same moment: monotonic microseconds, seconds since 1970. */
void lease_record_make(struct lease_record *record, const struct lease *lease, usec_t now,
		       int64_t wall);
/*
 * Sets record->lease's state and expires. A lease never lasts longer than @longest from @now on,
 * wherever the wall clock was when it was written.
 */
void lease_record_settle(struct lease_record *record, usec_t now, int64_t wall, usec_t longest);

void lease_record_format(GString *out, const struct lease_record *record);
/* @line is @len bytes without the line's end. False: *@why says what is wrong, for people. */
bool lease_record_parse(struct lease_record *record, const char *line, size_t len,
			const char **why);

#endif
