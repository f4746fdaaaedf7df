/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/dial_dir.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/list.h"
#include "base/log.h"

#define EVENTS (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_ONLYDIR)

struct dial_dir {
	struct loop *loop;
	char *path;
	void (*connected)(void *owner, struct dialled *dialled, int fd);
	void *owner;
	struct list sockets; // heads dialled::link
	unsigned n_sockets;
	int watch_fd; /* -1: polled */
	struct loop_io io;
	struct loop_timer poll;
};

static char *path_of(const struct dial_dir *dir, const char *name)
{
	return g_strdup_printf("%s/%s", dir->path, name);
}

static bool is_socket(const struct dial_dir *dir, const char *name)
{
	g_autofree char *path = path_of(dir, name);
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static struct dialled *find(struct dial_dir *dir, const char *name)
{
	list_for_each (dialled, &dir->sockets, struct dialled, link) {
		if (!strcmp(dialled->name, name))
			return dialled;
	}
	return NULL;
}

static void forget(struct dialled *dialled)
{
	dialer_stop(&dialled->dialer);
	list_remove(&dialled->link);
	dialled->dir->n_sockets--;
	g_free(dialled->name);
	g_free(dialled);
}

static void on_connected(struct dialer *dialer, int fd)
{
	struct dialled *dialled = container_of(dialer, struct dialled, dialer);

	dialled->connected = true;
	dialled->dir->connected(dialled->dir->owner, dialled, fd);
}

static void add(struct dial_dir *dir, const char *name)
{
	static struct log_limit limit;
	g_autofree char *path = path_of(dir, name);
	g_autoptr(GError) why = NULL;
	struct sockaddr_any addr;
	struct dialled *dialled;

	if (dir->n_sockets >= DIAL_DIR_MAX) {
		log_limited(&limit, "%s: %s is ignored: the limit is %u sockets", dir->path, name,
			    DIAL_DIR_MAX);
		return;
	}
	if (!sockaddr_unix(&addr, path, false, &why)) {
		log_limited(&limit, "%s is ignored: %s", path, why->message);
		return;
	}
	dialled = g_new0(struct dialled, 1);
	dialled->dir = dir;
	dialled->name = g_strdup(name);
	list_append(&dir->sockets, &dialled->link);
	dir->n_sockets++;
	dialer_init(&dialled->dialer, dir->loop, &addr, DIAL_DIR_FIRST, DIAL_DIR_MOST,
		    on_connected);
	dialer_start(&dialled->dialer);
}

static void appeared(struct dial_dir *dir, const char *name)
{
	struct dialled *dialled = find(dir, name);

	if (!is_socket(dir, name))
		return;
	if (!dialled) {
		add(dir, name);
	} else if (!dialled->connected) {
		/* A new QEMU has replaced a dead one: skip the back-off. */
		dialer_stop(&dialled->dialer);
		dialer_good(&dialled->dialer);
		dialer_start(&dialled->dialer);
	}
}

static void vanished(struct dial_dir *dir, const char *name)
{
	struct dialled *dialled = find(dir, name);

	if (dialled && !dialled->connected && !is_socket(dir, name))
		forget(dialled);
}

static void scan(struct dial_dir *dir)
{
	g_autoptr(GDir) entries = g_dir_open(dir->path, 0, NULL);
	const char *name;

	while (entries && (name = g_dir_read_name(entries))) {
		if (!find(dir, name) && is_socket(dir, name))
			add(dir, name);
	}
	list_for_each_safe (dialled, &dir->sockets, struct dialled, link)
		vanished(dir, dialled->name);
}

/* --- watching --- */

static void on_poll(struct loop_timer *timer)
{
	struct dial_dir *dir = container_of(timer, struct dial_dir, poll);

	scan(dir);
	loop_timer_set(timer, loop_now(dir->loop) + DIAL_DIR_POLL);
}

static void on_event(struct dial_dir *dir, const struct inotify_event *event)
{
	if (event->mask & IN_Q_OVERFLOW)
		scan(dir);
	else if (event->mask & IN_DELETE_SELF)
		log_warning("directory %s was removed: new guests there are not detected",
			    dir->path);
	else if (event->len && event->mask & (IN_CREATE | IN_MOVED_TO))
		appeared(dir, event->name);
	else if (event->len)
		vanished(dir, event->name);
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
	struct dial_dir *dir = container_of(io, struct dial_dir, io);
	char buffer[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(io->fd, buffer, sizeof(buffer));

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (const void *)(buffer + at);

		on_event(dir, event);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
}

static void watch(struct dial_dir *dir)
{
	dir->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (dir->watch_fd >= 0 && inotify_add_watch(dir->watch_fd, dir->path, EVENTS) >= 0) {
		loop_io_add(dir->loop, &dir->io, dir->watch_fd, EPOLLIN, on_ready);
		return;
	}
	log_debug("%s is read every 2 s: inotify: %s", dir->path, g_strerror(errno));
	if (dir->watch_fd >= 0)
		close(dir->watch_fd);
	dir->watch_fd = -1;
	loop_timer_set(&dir->poll, loop_now(dir->loop) + DIAL_DIR_POLL);
}

/* --- lifecycle --- */

struct dial_dir *dial_dir_new(struct loop *loop, const char *path,
			      void (*connected)(void *owner, struct dialled *dialled, int fd),
			      void *owner, GError **error)
{
	struct dial_dir *dir;

	if (!file_private_dir(path, error))
		return NULL;
	dir = g_new0(struct dial_dir, 1);
	dir->loop = loop;
	dir->path = g_strdup(path);
	while (strlen(dir->path) > 1 && g_str_has_suffix(dir->path, "/"))
		dir->path[strlen(dir->path) - 1] = '\0';
	dir->connected = connected;
	dir->owner = owner;
	list_init(&dir->sockets);
	loop_timer_init(loop, &dir->poll, on_poll);
	/* Watch before reading, so that no new socket is missed. */
	watch(dir);
	scan(dir);
	return dir;
}

void *dial_dir_owner(const struct dialled *dialled)
{
	return dialled->dir->owner;
}

void dial_dir_good(struct dialled *dialled)
{
	dialer_good(&dialled->dialer);
}

void dial_dir_lost(struct dialled *dialled)
{
	dialled->connected = false;
	if (is_socket(dialled->dir, dialled->name))
		dialer_redial(&dialled->dialer);
	else
		forget(dialled);
}

void dial_dir_free(struct dial_dir *dir)
{
	if (!dir)
		return;
	while (!list_empty(&dir->sockets))
		forget(container_of(dir->sockets.next, struct dialled, link));
	loop_timer_cancel(&dir->poll);
	if (dir->watch_fd >= 0) {
		loop_io_remove(&dir->io);
		close(dir->watch_fd);
	}
	/* Fails when the directory holds a guest's socket; then it must stay. */
	(void)rmdir(dir->path);
	g_free(dir->path);
	g_free(dir);
}
