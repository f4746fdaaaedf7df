/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/inherited.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fdstore.h"
#include "base/socket_unix.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START of sd_listen_fds(3) */

struct inherited {
	int fd;     /* -1: it was kept for us, and has been taken */
	char *name; /* of a socket that was kept for us (fdstore.h); NULL: of a socket unit */
};

static struct inherited *all;
static int n_inherited; /* descriptors FIRST_FD and following */

/* Names that LISTEN_FDNAMES lacks are unknown: socket units. */
static void read_names(void)
{
	const char *text = getenv("LISTEN_FDNAMES");
	g_auto(GStrv) names = g_strsplit(text ? text : "", ":", n_inherited + 1);

	for (int i = 0; i < n_inherited && names[i]; i++) {
		if (g_str_has_prefix(names[i], FDSTORE_PREFIX))
			all[i].name = g_strdup(names[i]);
	}
}

void inherited_start(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || atoi(pid) != (int)getpid())
		return;
	n_inherited = CLAMP(atoi(count), 0, INHERITED_MAX);
	all = g_new0(struct inherited, n_inherited);
	for (int i = 0; i < n_inherited; i++) {
		all[i].fd = FIRST_FD + i;
		fcntl(all[i].fd, F_SETFD, FD_CLOEXEC);
	}
	read_names();
}

void inherited_stop(void)
{
	for (int i = 0; i < n_inherited; i++)
		g_free(all[i].name);
	g_clear_pointer(&all, g_free);
	n_inherited = 0;
}

/* The kernel may count the NUL at the end of a path. */
static bool is_at(int fd, const struct sockaddr_any *addr)
{
	struct sockaddr_any own = {.len = sizeof(own.storage)};

	if (fd < 0 || getsockname(fd, &own.sa, &own.len) < 0 ||
	    own.sa.sa_family != addr->sa.sa_family)
		return false;
	if (own.sa.sa_family == AF_UNIX && own.un.sun_path[0])
		return !strncmp(own.un.sun_path, addr->un.sun_path, sizeof(own.un.sun_path));
	return sockaddr_equal(&own, addr);
}

static bool is_of_type(int fd, int type)
{
	socklen_t len = sizeof(int);
	int own;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &own, &len) == 0 && own == type;
}

/* A socket whose file is gone cannot be reached any more. */
static bool is_reachable(const struct sockaddr_any *addr)
{
	return addr->sa.sa_family != AF_UNIX || !addr->un.sun_path[0] ||
	       access(addr->un.sun_path, F_OK) == 0;
}

static void drop(struct inherited *kept)
{
	fdstore_remove(kept->name);
	close(kept->fd);
	kept->fd = -1;
}

int inherited_take(const struct sockaddr_any *addr, int type)
{
	for (int i = 0; i < n_inherited; i++) {
		int taken;

		if (!is_at(all[i].fd, addr) || !is_of_type(all[i].fd, type))
			continue;
		if (all[i].name && !is_reachable(addr)) {
			drop(&all[i]);
			return -1;
		}
		taken = fcntl(all[i].fd, F_DUPFD_CLOEXEC, FIRST_FD + n_inherited);
		if (taken < 0)
			return -1;
		fcntl(taken, F_SETFL, fcntl(taken, F_GETFL) | O_NONBLOCK);
		if (all[i].name) {
			close(all[i].fd);
			all[i].fd = -1;
			fdstore_note(addr);
		}
		return taken;
	}
	return -1;
}

bool inherited_has(const struct sockaddr_any *addr)
{
	for (int i = 0; i < n_inherited; i++) {
		if (!all[i].name && is_at(all[i].fd, addr))
			return true;
	}
	return false;
}

void inherited_drop_rest(void)
{
	for (int i = 0; i < n_inherited; i++) {
		struct sockaddr_any own = {.len = sizeof(own.storage)};

		if (!all[i].name || all[i].fd < 0)
			continue;
		if (getsockname(all[i].fd, &own.sa, &own.len) == 0 && own.sa.sa_family == AF_UNIX &&
		    own.un.sun_path[0] && is_reachable(&own))
			unix_socket_unlink(&own);
		drop(&all[i]);
	}
}
