/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_JOURNAL_H
#define USERNET_DHCP_JOURNAL_H

#include "dhcp/record.h"

/*
 * The file that keeps leases when the process ends. It handles lines and their safety;
 * lease_store.h handles their meaning for the pool.
 */
struct lease_journal;

#define LEASE_JOURNAL_RETRY (5 * USEC_PER_SEC)    /* interval of retries for lines not written */
#define LEASE_JOURNAL_SOON  (100 * USEC_PER_MSEC) /* the same if the disk is scarce */
/* Larger files are not read: LEASE_MAX leases, each three times at full length. */
#define LEASE_JOURNAL_MAX (64 * 1024 * 1024)

/*
 * Opens @path, creates it (0600) and its directory if needed, and reads it: *@records, a GArray of
 * struct lease_record that the caller owns, has one entry per address and per client, the earliest
 * to end first. Invalid lines are skipped, counted, and warned of by file and line. NULL: it is not
 * a file of ours; @error names the path.
 */
struct lease_journal *lease_journal_open(const char *path, GArray **records, GError **error);
void lease_journal_close(struct lease_journal *journal);

/*
 * Appends a line, which replaces earlier ones of its address and its client. It is in the file on
 * return, unless the disk is full: then it is kept and tried again with the next one, with a
 * warning.
 */
void lease_journal_add(struct lease_journal *journal, const struct lease_record *record);

/* Must lease_journal_retry() or a rewrite still write something? */
bool lease_journal_is_dirty(const struct lease_journal *journal);
/* Is the disk so small or full that the log should be kept short? */
bool lease_journal_is_scarce(const struct lease_journal *journal);
/*
 * Is a rewrite needed for lines not appended, or worth it because there are many more lines than
 * the @n_leases leases?
 */
bool lease_journal_wants_rewrite(const struct lease_journal *journal, unsigned n_leases);
/*
 * Replaces the file by @lines (@n of them), atomically. @sync: waits until they are on the disk,
 * which may take seconds: not while the network runs. False: failed; a warning was logged.
 */
bool lease_journal_rewrite(struct lease_journal *journal, const GString *lines, unsigned n,
			   bool sync);
/* Writes what could not be written before. False: something is left, or the file was deleted. */
bool lease_journal_retry(struct lease_journal *journal);

/* Invalid lines found when it was opened. */
unsigned lease_journal_bad_lines(const struct lease_journal *journal);

#endif
