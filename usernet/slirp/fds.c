/* SPDX-License-Identifier: BSD-3-Clause */
#include "slirp/fds.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>

struct nat_fd {
	struct loop_io io;
	struct nat_fdset *set; /* NULL: unused */
	int fd;
	int number;       /* in this round; -1: not waited for */
	uint32_t round;   /* nat_fdset::round in which it was last waited for */
	struct list link; // nat_fdset::entries
};

struct nat_fds {
	struct loop *loop;
	GPtrArray *by_fd; /* struct nat_fd, kept for reuse; entries may be NULL */
};

struct nat_fds *nat_fds_new(struct loop *loop)
{
	struct nat_fds *fds = g_new0(struct nat_fds, 1);

	fds->loop = loop;
	fds->by_fd = g_ptr_array_new_with_free_func(g_free);
	return fds;
}

void nat_fds_free(struct nat_fds *fds)
{
	g_ptr_array_free(fds->by_fd, TRUE);
	g_free(fds);
}

void nat_fdset_init(struct nat_fdset *set, struct nat_fds *fds,
		    void (*ready)(struct nat_fdset *set),
		    void (*counted)(struct nat_fdset *set, int n))
{
	*set = (struct nat_fdset){.fds = fds, .ready = ready, .counted = counted};
	list_init(&set->entries);
	set->rounds = g_array_new(FALSE, TRUE, sizeof(uint32_t));
}

void nat_fdset_fini(struct nat_fdset *set)
{
	nat_fdset_clear(set);
	g_array_free(set->rounds, TRUE);
}

static struct nat_fd *entry_of(struct nat_fds *fds, int fd)
{
	struct nat_fd *entry;

	if ((guint)fd >= fds->by_fd->len)
		g_ptr_array_set_size(fds->by_fd, MAX(fd + 1, (int)fds->by_fd->len * 2));
	entry = fds->by_fd->pdata[fd];
	if (!entry) {
		entry = g_new0(struct nat_fd, 1);
		entry->fd = fd;
		list_init(&entry->link);
		fds->by_fd->pdata[fd] = entry;
	}
	return entry;
}

static void release(struct nat_fd *entry)
{
	if (!entry->set)
		return;
	loop_io_remove(&entry->io);
	list_remove(&entry->link);
	entry->set->n--;
	entry->set->counted(entry->set, -1);
	entry->set = NULL;
}

void nat_fdset_clear(struct nat_fdset *set)
{
	list_for_each_safe (entry, &set->entries, struct nat_fd, link)
		release(entry);
	g_array_set_size(set->rounds, 0);
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
	struct nat_fd *entry = container_of(io, struct nat_fd, io);
	struct nat_fdset *set = entry->set;

	if (entry->number >= 0)
		g_array_index(set->rounds, uint32_t, entry->number) |= revents;
	set->ready(set);
}

static struct nat_fd *claim(struct nat_fdset *set, int fd)
{
	struct nat_fd *entry = entry_of(set->fds, fd);

	if (entry->set == set)
		return entry;
	release(entry);
	entry->set = set;
	entry->number = -1;
	entry->round = set->round - 1;
	list_append(&set->entries, &entry->link);
	set->n++;
	set->counted(set, 1);
	loop_io_add(set->fds->loop, &entry->io, fd, 0, on_ready);
	return entry;
}

void nat_fdset_claim(struct nat_fdset *set, int fd)
{
	claim(set, fd);
}

void nat_fdset_release(struct nat_fdset *set, int fd)
{
	struct nat_fd *entry = entry_of(set->fds, fd);

	if (entry->set == set)
		release(entry);
}

void nat_fdset_begin(struct nat_fdset *set)
{
	set->round++;
	g_array_set_size(set->rounds, 0);
}

int nat_fdset_wait(struct nat_fdset *set, int fd, uint32_t events)
{
	struct nat_fd *entry = claim(set, fd);

	entry->number = (int)set->rounds->len;
	entry->round = set->round;
	g_array_set_size(set->rounds, set->rounds->len + 1);
	loop_io_events(&entry->io, events);
	return entry->number;
}

void nat_fdset_end(struct nat_fdset *set)
{
	list_for_each (entry, &set->entries, struct nat_fd, link) {
		if (entry->round == set->round)
			continue;
		entry->number = -1;
		loop_io_events(&entry->io, 0);
	}
}

uint32_t nat_fdset_revents(const struct nat_fdset *set, int number)
{
	if (number < 0 || (guint)number >= set->rounds->len)
		return 0;
	return g_array_index(set->rounds, uint32_t, number);
}

/* TCP sockets also wait for urgent data (slirp.c); libslirp reads all that it has room for. */
static bool is_datagram(const struct nat_fd *entry)
{
	return (entry->io.events & (EPOLLIN | EPOLLPRI)) == EPOLLIN;
}

size_t nat_fdset_read_on(struct nat_fdset *set)
{
	size_t bytes = 0;

	list_for_each (entry, &set->entries, struct nat_fd, link) {
		bool read = nat_fdset_revents(set, entry->number) & EPOLLIN;
		int len = 0;

		if (entry->number < 0)
			continue;
		/* An error or an empty datagram is left for the next turn (udp(7) SIOCINQ). */
		if (read && is_datagram(entry) && ioctl(entry->fd, FIONREAD, &len) < 0)
			len = 0;
		g_array_index(set->rounds, uint32_t, entry->number) = len > 0 ? EPOLLIN : 0;
		bytes += (size_t)MAX(len, 0);
	}
	return bytes;
}

void nat_fdset_hush(struct nat_fdset *set)
{
	list_for_each (entry, &set->entries, struct nat_fd, link) {
		if (nat_fdset_revents(set, entry->number))
			loop_io_events(&entry->io, 0);
	}
}
