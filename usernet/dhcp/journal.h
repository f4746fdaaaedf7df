/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_JOURNAL_H
#define USERNET_DHCP_JOURNAL_H

#include "dhcp/record.h"

/*
 * The file that leases outlive the process in. Knows lines and when they are safe; what they mean
 * to the pool is lease_keeper's.
 */
struct lease_journal;

#define LEASE_JOURNAL_RETRY (5 * USEC_PER_SEC) /* a line that found no room is tried again */
/* A file beyond this is not read: LEASE_MAX leases, each three times at full length. */
#define LEASE_JOURNAL_MAX (64 * 1024 * 1024)

/*
 * Opens @path, makes it (0600) and its directory when they are missing, and reads what it says:
 * *@records, a GArray of struct lease_record that the caller owns, has an entry per address and per
 * client, the one that ended first first. Lines that are none are skipped, counted, and warned of
 * by file and line. NULL, and @error names the path: it is not a file of ours.
 */
struct lease_journal *lease_journal_open(const char *path, GArray **records, GError **error);
void lease_journal_close(struct lease_journal *journal);

/*
 * Adds a line, which replaces what was said of its address and its client. It is in the file when
 * this returns, but for a full disk: then it is kept and tried again with the next, and a warning
 * given.
 */
void lease_journal_add(struct lease_journal *journal, const struct lease_record *record);

/* Is there what lease_journal_retry() or a rewrite must still write? */
bool lease_journal_is_dirty(const struct lease_journal *journal);
/* Are @n_leases, all that there are, so much less than the lines that a rewrite is worth it, or is
 * one needed because lines could not be added? */
bool lease_journal_wants_rewrite(const struct lease_journal *journal, unsigned n_leases);
/*
 * Puts @lines (@n of them) in the place of the file, atomically. @sync: they are on the medium when
 * this returns, which may take seconds: not while the network runs. False: warned.
 */
bool lease_journal_rewrite(struct lease_journal *journal, const GString *lines, unsigned n,
			   bool sync);
/* Writes what could not be written before. False: something is left, or the file was taken away. */
bool lease_journal_retry(struct lease_journal *journal);

const char *lease_journal_path(const struct lease_journal *journal);
/* Lines that were none when it was opened. */
unsigned lease_journal_bad_lines(const struct lease_journal *journal);

#endif
