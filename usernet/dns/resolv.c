/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/resolv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/file.h"
#include "dns/server.h"

/* A file's identity when last checked. */
struct identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct dns_resolv {
	struct loop *loop;
	char *path;
	void (*changed)(void *data);
	void *data;
	int fd; /* inotify; -1: unavailable, so files are only checked */
	struct loop_io io;
	int here, there; /* watches: the path's directory, the target's; -1: none */
	char *target;    /* the path with its links resolved; NULL: it does not exist */
	const char *const *behind;
	struct identity seen[1 + DNS_RESOLV_BEHIND]; /* the path's, then those of @behind */
	usec_t looked;
	struct loop_timer settle;
};

#define WATCHED (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB)

static struct identity identify(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct identity){.size = -1};
	return (struct identity){st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
}

static bool same(const struct identity *a, const struct identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec &&
	       a->ctime.tv_sec == b->ctime.tv_sec && a->ctime.tv_nsec == b->ctime.tv_nsec;
}

static int watch_dir_of(struct dns_resolv *resolv, const char *path)
{
	g_autofree char *dir = g_path_get_dirname(path);

	return inotify_add_watch(resolv->fd, dir, WATCHED | IN_ONLYDIR);
}

const char *const dns_resolv_behind[] = {
	"/run/systemd/resolve/resolv.conf",
	"/run/NetworkManager/no-stub-resolv.conf",
	"/run/dnsmasq/resolv.conf",
	NULL,
};

static unsigned n_behind(const struct dns_resolv *resolv)
{
	unsigned n = 0;

	while (n < DNS_RESOLV_BEHIND && resolv->behind[n])
		n++;
	return n;
}

static void identify_all(const struct dns_resolv *resolv, struct identity *is)
{
	is[0] = identify(resolv->path);
	for (unsigned i = 0; i < n_behind(resolv); i++)
		is[1 + i] = identify(resolv->behind[i]);
}

static bool has_changed(const struct dns_resolv *resolv)
{
	struct identity is[1 + DNS_RESOLV_BEHIND];

	identify_all(resolv, is);
	for (unsigned i = 0; i <= n_behind(resolv); i++) {
		if (!same(&is[i], &resolv->seen[i]))
			return true;
	}
	return false;
}

/* Two watches on one directory are the same watch (inotify(7)). */
static void watch(struct dns_resolv *resolv)
{
	char *target = realpath(resolv->path, NULL);
	int before = resolv->there;

	if (resolv->fd >= 0) {
		resolv->here = watch_dir_of(resolv, resolv->path);
		resolv->there = target ? watch_dir_of(resolv, target) : -1;
		for (unsigned i = 0; i < n_behind(resolv); i++)
			watch_dir_of(resolv, resolv->behind[i]);
		if (before >= 0 && before != resolv->here && before != resolv->there)
			inotify_rm_watch(resolv->fd, before);
	}
	free(resolv->target);
	resolv->target = target;
}

/* Give the writer a moment to finish: half a list would be taken for all of it. */
static void suspect(struct dns_resolv *resolv)
{
	if (!loop_timer_is_set(&resolv->settle))
		loop_timer_set(&resolv->settle, loop_now(resolv->loop) + DNS_RESOLV_SETTLE);
}

static void settled(struct loop_timer *timer)
{
	struct dns_resolv *resolv = container_of(timer, struct dns_resolv, settle);

	watch(resolv);
	if (has_changed(resolv))
		resolv->changed(resolv->data);
}

void dns_resolv_look(struct dns_resolv *resolv, usec_t now)
{
	if (now - resolv->looked < DNS_RESOLV_LOOK)
		return;
	resolv->looked = now;
	if (has_changed(resolv))
		suspect(resolv);
}

static bool is_named(const char *path, const struct inotify_event *event)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return path && strcmp(slash ? slash + 1 : path, event->name) == 0;
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct dns_resolv *resolv = container_of(io, struct dns_resolv, io);
	_Alignas(struct inotify_event) char buffer[4096];
	bool ours = false;
	ssize_t len = read(resolv->fd, buffer, sizeof(buffer));

	/* Ignore other files in these directories. */
	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *event = (const void *)(buffer + at);

		ours |= !event->len || is_named(resolv->path, event) ||
			is_named(resolv->target, event);
		for (unsigned i = 0; i < n_behind(resolv); i++)
			ours |= is_named(resolv->behind[i], event);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	if (ours)
		suspect(resolv);
}

struct dns_resolv *dns_resolv_new(struct loop *loop, const char *path, const char *const *behind,
				  void (*changed)(void *data), void *data)
{
	struct dns_resolv *resolv = g_new0(struct dns_resolv, 1);

	resolv->loop = loop;
	resolv->path = g_strdup(path);
	resolv->behind = behind;
	resolv->changed = changed;
	resolv->data = data;
	resolv->here = resolv->there = -1;
	resolv->looked = loop_now(loop);
	loop_timer_init(loop, &resolv->settle, settled);
	resolv->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (resolv->fd >= 0)
		loop_io_add(loop, &resolv->io, resolv->fd, EPOLLIN, ready);
	watch(resolv);
	return resolv;
}

void dns_resolv_free(struct dns_resolv *resolv)
{
	if (!resolv)
		return;
	loop_timer_cancel(&resolv->settle);
	if (resolv->fd >= 0) {
		loop_io_remove(&resolv->io);
		close(resolv->fd);
	}
	free(resolv->target);
	g_free(resolv->path);
	g_free(resolv);
}

static size_t read_all(const char *path, char *buffer, size_t max)
{
	/* O_NONBLOCK: a FIFO in its place must not block us. */
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	while (len < max && (n = read(fd, buffer + len, max - len)) > 0)
		len += (size_t)n;
	return len;
}

GArray *dns_resolv_read(struct dns_resolv *resolv, char ***search)
{
	g_autofree char *text = g_malloc(DNS_RESOLV_SIZE_MAX);
	size_t len;

	/* First: then a change during reading is noticed. */
	identify_all(resolv, resolv->seen);
	len = read_all(resolv->path, text, DNS_RESOLV_SIZE_MAX);
	*search = dns_search_from_resolv_conf(text, len);
	return dns_servers_from_resolv_conf(text, len);
}
