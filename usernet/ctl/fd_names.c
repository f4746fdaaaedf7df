/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/fd_names.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static void close_value(void *value)
{
	close(GPOINTER_TO_INT(value));
}

static int take_named(struct fd_source *source, const char *name, GError **error)
{
	struct fd_names *names = container_of(source, struct fd_names, source);
	void *key, *value;

	if (!g_hash_table_steal_extended(names->named, name, &key, &value)) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE,
			    "File descriptor named '%s' has not been found; pass one with 'getfd'",
			    name);
		return -1;
	}
	g_free(key);
	return GPOINTER_TO_INT(value);
}

void fd_names_init(struct fd_names *names)
{
	names->source.take = take_named;
	names->named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_value);
	names->n_pending = 0;
}

void fd_names_clear(struct fd_names *names)
{
	for (unsigned i = 0; i < names->n_pending; i++)
		close(names->pending[i]);
	names->n_pending = 0;
	g_hash_table_unref(names->named);
}

static int take_oldest(struct fd_names *names)
{
	int fd = names->pending[0];

	names->n_pending--;
	memmove(names->pending, names->pending + 1, names->n_pending * sizeof(int));
	return fd;
}

void fd_names_receive(struct fd_names *names, int fd)
{
	if (names->n_pending == FD_NAMES_PENDING_MAX)
		close(take_oldest(names));
	names->pending[names->n_pending++] = fd;
}

bool fd_names_getfd(struct fd_names *names, const char *name, GError **error)
{
	if (names->n_pending == 0) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED,
			    "No file descriptor supplied via SCM_RIGHTS");
		return false;
	}
	/* Refuse numeric names, which would be taken for descriptors (QEMU monitor/fds.c). */
	if (!name[0] || g_ascii_isdigit(name[0])) {
		close(take_oldest(names));
		g_set_error(error, USERNET_ERROR, ERROR_USAGE,
			    "Parameter 'fdname' expects a name not starting with a digit");
		return false;
	}
	if (g_hash_table_size(names->named) >= FD_NAMES_MAX &&
	    !g_hash_table_contains(names->named, name)) {
		close(take_oldest(names));
		g_set_error(error, USERNET_ERROR, ERROR_FAILED,
			    "More than %d named file descriptors; close some with 'closefd'",
			    FD_NAMES_MAX);
		return false;
	}
	g_hash_table_replace(names->named, g_strdup(name), GINT_TO_POINTER(take_oldest(names)));
	return true;
}

bool fd_names_closefd(struct fd_names *names, const char *name, GError **error)
{
	if (g_hash_table_remove(names->named, name))
		return true;
	g_set_error(error, USERNET_ERROR, ERROR_FAILED, "File descriptor named '%s' not found",
		    name);
	return false;
}

bool fd_number_parse(const char *text, int *fd)
{
	guint64 number;

	/* 0 to 2 are standard input and output. */
	if (!g_ascii_string_to_unsigned(text, 10, 3, 1 << 20, &number, NULL))
		return false;
	*fd = (int)number;
	return true;
}

static int take_number(struct fd_source *source, const char *name, GError **error)
{
	int fd;

	if (!fd_number_parse(name, &fd)) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE,
			    "Invalid file descriptor number '%s'", name);
		return -1;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE,
			    "file descriptor %d is not open: the process that starts usernet must "
			    "pass it",
			    fd);
		return -1;
	}
	return fd;
}

struct fd_source *fd_numbers(void)
{
	static struct fd_source numbers = {.take = take_number};

	return &numbers;
}
