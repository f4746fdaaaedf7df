/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/journal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "dhcp/lease_entry.h"

/*
 * How leases survive.
 *
 * The file is a log: each change of a lease appends the line that now holds for its address and its
 * client; later lines win. Readers of dnsmasq's format that take the last line for an address see
 * the same.
 *
 * kill -9: write() appends the line before its ACK is sent, and what write() has taken is the
 * kernel's. At most the line being written is cut short. It has no newline then, its ACK was not
 * sent, and the next start removes it before it appends.
 *
 * Power loss: the file is synced at start and end. In between the kernel writes lines when it
 * likes, because a sync would stop the loop, for seconds on a busy disk. A client whose line was
 * lost asks for its address when it renews, and gets it, as nobody else is known to have it.
 *
 * file_replace() shortens the log: it writes a new file beside it and renames it over the old one.
 * At any moment the path is the old or the new file, each complete. This is done at start, at end,
 * and when there are many more lines than leases.
 *
 * Full disk: room beyond the end is reserved in advance, so that the log can go on for a while. If
 * a write fails nevertheless, its part of a line is truncated, so the file stays whole lines. The
 * lease stays in memory, and the line waits: it is tried again with the next line and every
 * LEASE_JOURNAL_RETRY. When too many wait the file is rewritten from memory instead. If even
 * truncating fails, nothing is appended until a rewrite succeeds: lines are never joined.
 */
#define PENDING_MAX   (256 * 1024)
#define ROOM          (64 * 1024)
#define ROOM_LEAST    4096
#define REWRITE_SLACK 1024 /* lines more than leases before a rewrite */
/* The same on a disk that is small or full: a rewrite needs room beside the log. */
#define REWRITE_SCARCE 64
#define WARN_LINES     5 /* bad lines that get a warning each */

struct lease_journal {
	char *path;
	int fd;      /* -1: no appending before a rewrite */
	off_t good;  /* end of the last whole line */
	off_t room;  /* the disk has room for us up to here */
	off_t step;  /* room reserved at once: ROOM, less on a small disk */
	ino_t inode; /* inode of fd */
	GString *pending;
	unsigned n_lines; /* in the file */
	unsigned n_bad;
	bool incomplete; /* pending lines were discarded: only a rewrite is complete */
	struct log_limit limit;
};

/* --- reading --- */

static bool fail(GError **error, const char *path, const char *what, int err)
{
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "lease file '%s': %s%s%s",
		    path, what, err ? ": " : "", err ? g_strerror(err) : "");
	return false;
}

static bool open_file(struct lease_journal *journal, struct stat *st, GError **error)
{
	const char *path = journal->path;
	g_autofree char *dir = g_path_get_dirname(path);

	if (!g_file_test(dir, G_FILE_TEST_EXISTS) && !file_private_dir(dir, error))
		return false;
	journal->fd =
		open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (journal->fd < 0 || fstat(journal->fd, st) < 0)
		return fail(error, path, "cannot open it", errno);
	if (!S_ISREG(st->st_mode))
		return fail(error, path, "it is not a regular file", 0);
	if (st->st_uid != geteuid())
		return fail(error, path, "it belongs to another user", 0);
	if (st->st_size > LEASE_JOURNAL_MAX)
		return fail(error, path, "it is larger than leases can be; move it away", 0);
	return true;
}

static bool read_file(struct lease_journal *journal, GByteArray *bytes, GError **error)
{
	for (;;) {
		guint at = bytes->len;
		ssize_t n;

		g_byte_array_set_size(bytes, at + 65536);
		n = pread(journal->fd, bytes->data + at, 65536, at);
		g_byte_array_set_size(bytes, at + (n > 0 ? (guint)n : 0));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(error, journal->path, "cannot read it", errno);
		if (n == 0)
			return true;
		if (bytes->len > LEASE_JOURNAL_MAX)
			return fail(error, journal->path, "it grows while it is read", 0);
	}
}

static gint by_expiry(gconstpointer pa, gconstpointer pb)
{
	const struct lease_record *a = pa, *b = pb;

	return a->expiry < b->expiry ? -1 : a->expiry > b->expiry;
}

static guint hash_client(gconstpointer record)
{
	struct entry key = {.lease = ((const struct lease_record *)record)->lease};

	return lease_client_hash(&key);
}

static gboolean equal_client(gconstpointer pa, gconstpointer pb)
{
	struct entry a = {.lease = ((const struct lease_record *)pa)->lease};
	struct entry b = {.lease = ((const struct lease_record *)pb)->lease};

	return lease_client_equal(&a, &b);
}

/* The last line wins for its address and for its client. Losing records get the address 0. */
static void drop_overruled(GArray *records)
{
	g_autoptr(GHashTable) addrs = g_hash_table_new(NULL, NULL);
	g_autoptr(GHashTable) clients = g_hash_table_new(hash_client, equal_client);

	for (guint i = records->len; i-- > 0;) {
		struct lease_record *record = &g_array_index(records, struct lease_record, i);
		bool overruled =
			!g_hash_table_add(addrs, GUINT_TO_POINTER(record->lease.addr.s_addr));

		/* The client's last line wins, even if another client has the address by now. */
		if (record->lease.mac && !g_hash_table_add(clients, record))
			overruled = true;
		if (overruled)
			record->lease.addr.s_addr = 0;
	}
}

static GArray *collapse(GArray *records)
{
	GArray *left = g_array_new(FALSE, FALSE, sizeof(struct lease_record));

	drop_overruled(records);
	for (guint i = 0; i < records->len; i++) {
		const struct lease_record *record = &g_array_index(records, struct lease_record, i);

		if (record->lease.addr.s_addr)
			g_array_append_val(left, *record);
	}
	g_array_sort(left, by_expiry);
	return left;
}

static void bad_line(struct lease_journal *journal, unsigned number, const char *why)
{
	if (journal->n_bad++ < WARN_LINES)
		log_warning("lease file '%s', line %u is left out: %s", journal->path, number, why);
}

static GArray *parse(struct lease_journal *journal, const char *text, size_t len)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct lease_record));
	const char *p = text, *end = text + len, *newline;
	unsigned number = 0;

	while (p < end && (newline = memchr(p, '\n', (size_t)(end - p)))) {
		struct lease_record record;
		const char *why;

		number++;
		if (lease_record_parse(&record, p, (size_t)(newline - p), &why))
			g_array_append_val(all, record);
		else
			bad_line(journal, number, why);
		p = newline + 1;
	}
	if (p < end)
		log_info("lease file '%s' ends within line %u, which is left out", journal->path,
			 number + 1);
	if (journal->n_bad > WARN_LINES)
		log_warning("lease file '%s': %u lines are left out in all", journal->path,
			    journal->n_bad);
	journal->n_lines = number;
	journal->good = p - text;
	return collapse(all);
}

/* --- writing --- */

/* Best effort: not every file system supports it. */
static void make_room(struct lease_journal *journal)
{
	struct stat st;

	if (journal->room - journal->good > journal->step / 2)
		return;
	/*
	 * The room may be from before our start. Do not reserve again on a full disk: a failure
	 * makes tmpfs free the existing room too (mm/shmem.c shmem_fallocate).
	 */
	if (fstat(journal->fd, &st) == 0 && st.st_blocks * 512 - journal->good > ROOM / 2) {
		journal->room = st.st_blocks * 512; /* its unit on every file system */
		journal->step = ROOM;
		return;
	}
	/* On a small disk, what it has. */
	for (journal->step = ROOM; journal->step >= ROOM_LEAST; journal->step /= 2) {
		if (fallocate(journal->fd, FALLOC_FL_KEEP_SIZE, journal->good, journal->step) == 0)
			break;
	}
	journal->room = journal->good + (journal->step < ROOM_LEAST ? 0 : journal->step);
}

static void close_file(struct lease_journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = -1;
}

struct lease_journal *lease_journal_open(const char *path, GArray **records, GError **error)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	struct lease_journal *journal = g_new0(struct lease_journal, 1);
	struct stat st;
	bool fine;

	*records = NULL;
	journal->path = g_strdup(path);
	journal->fd = -1;
	journal->step = ROOM;
	journal->pending = g_string_new(NULL);
	fine = open_file(journal, &st, error) && read_file(journal, bytes, error);
	if (fine) {
		*records = parse(journal, (const char *)bytes->data, bytes->len);
		journal->inode = st.st_ino;
		/* Only when needed: it would also free the room beyond the end. */
		if (journal->good != (off_t)bytes->len && ftruncate(journal->fd, journal->good) < 0)
			fine = fail(error, path, "cannot cut its last line", errno);
	}
	if (!fine) {
		g_clear_pointer(records, g_array_unref);
		lease_journal_close(journal);
		return NULL;
	}
	make_room(journal);
	return journal;
}

/* Appends what is pending. False: errno. */
static bool append(struct lease_journal *journal)
{
	GString *pending = journal->pending;
	size_t done = 0;

	while (done < pending->len) {
		ssize_t n = write(journal->fd, pending->str + done, pending->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = errno;

			if (ftruncate(journal->fd, journal->good) < 0)
				close_file(journal);
			journal->room = 0; /* truncating freed it */
			errno = err;
			return false;
		}
		done += (size_t)n;
	}
	journal->good += (off_t)done;
	for (size_t i = 0; i < pending->len; i++)
		journal->n_lines += pending->str[i] == '\n';
	g_string_truncate(pending, 0);
	return true;
}

static bool flush(struct lease_journal *journal)
{
	if (!journal->pending->len)
		return true;
	if (journal->fd >= 0 && append(journal))
		return true;
	if (journal->fd >= 0)
		log_limited(&journal->limit,
			    "lease file '%s': %s; leases are kept in memory until it can be "
			    "written",
			    journal->path, g_strerror(errno));
	if (journal->pending->len > PENDING_MAX) {
		g_string_truncate(journal->pending, 0);
		journal->incomplete = true;
	}
	return false;
}

void lease_journal_add(struct lease_journal *journal, const struct lease_record *record)
{
	lease_record_format(journal->pending, record);
	flush(journal);
}

bool lease_journal_is_dirty(const struct lease_journal *journal)
{
	return journal->incomplete || journal->pending->len > 0 || journal->fd < 0;
}

bool lease_journal_wants_rewrite(const struct lease_journal *journal, unsigned n_leases)
{
	return journal->fd < 0 || journal->incomplete ||
	       journal->n_lines > n_leases + MAX(n_leases, lease_journal_is_scarce(journal)
								   ? REWRITE_SCARCE
								   : REWRITE_SLACK);
}

bool lease_journal_is_scarce(const struct lease_journal *journal)
{
	return journal->step < ROOM;
}

/* Writes a new file; on a full disk, into the room that is reserved behind the old one. */
static bool replace(struct lease_journal *journal, const GString *lines, bool sync, GError **error)
{
	bool (*write_file)(const char *, const void *, size_t, GError **) =
		sync ? file_replace : file_replace_unsynced;

	if (write_file(journal->path, lines->str, lines->len, NULL))
		return true;
	if (journal->fd >= 0 && ftruncate(journal->fd, journal->good) == 0)
		journal->room = journal->good;
	return write_file(journal->path, lines->str, lines->len, error);
}

bool lease_journal_rewrite(struct lease_journal *journal, const GString *lines, unsigned n,
			   bool sync)
{
	g_autoptr(GError) error = NULL;
	bool fine = replace(journal, lines, sync, &error);
	autofd int fd = open(journal->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (error)
		log_limited(&journal->limit, "%s; the leases of before stay there", error->message);
	if (fd < 0 || fstat(fd, &st) < 0) {
		/* The file at the path, if any, is not the one that we have open. */
		if (fine)
			close_file(journal);
		return false;
	}
	/* If only the directory could not be synced, the new file is there nevertheless. */
	if (!fine && (journal->fd < 0 || st.st_ino == journal->inode)) {
		if (journal->fd >= 0)
			make_room(journal);
		return false;
	}
	close_file(journal);
	journal->fd = steal_fd(&fd);
	journal->inode = st.st_ino;
	journal->good = st.st_size;
	journal->room = 0;
	journal->n_lines = n;
	journal->incomplete = false;
	g_string_truncate(journal->pending, 0);
	make_room(journal);
	return fine;
}

bool lease_journal_retry(struct lease_journal *journal)
{
	struct stat st;

	if (!flush(journal) || journal->fd < 0)
		return false;
	/* The file was deleted: the next rewrite restores it. */
	if (fstat(journal->fd, &st) == 0 && st.st_nlink == 0) {
		close_file(journal);
		return false;
	}
	make_room(journal);
	return true;
}

void lease_journal_close(struct lease_journal *journal)
{
	if (!journal)
		return;
	flush(journal);
	close_file(journal);
	g_string_free(journal->pending, TRUE);
	g_free(journal->path);
	g_free(journal);
}

unsigned lease_journal_bad_lines(const struct lease_journal *journal)
{
	return journal->n_bad;
}
