/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/dgram_in.h"

#include <errno.h>
#include <glib.h>
#include <sys/mman.h>

/*
 * Distance between slots. The odd 25 cache lines keep the starts of the frames out of the same
 * cache sets, into which a multiple of the page size would put them.
 */
#define SLOT_STRIDE (64 * 1024 + 25 * 64)
G_STATIC_ASSERT(SLOT_STRIDE >= FRAME_PREFIX + FRAME_MAX);

#define ARENA_SIZE ((size_t)DGRAM_IN_MAX * SLOT_STRIDE)

struct dgram_in {
	uint8_t *arena;
	struct mmsghdr msgs[DGRAM_IN_MAX];
	struct iovec iovs[DGRAM_IN_MAX];
	struct sockaddr_any from[DGRAM_IN_MAX];
	struct dgram_in_frame frames[DGRAM_IN_MAX];
};

struct dgram_in *dgram_in_new(void)
{
	uint8_t *arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct dgram_in *in;

	if (arena == MAP_FAILED)
		return NULL;
	/* A huge page would allocate memory that no frame uses. */
	madvise(arena, ARENA_SIZE, MADV_NOHUGEPAGE);
	in = g_new0(struct dgram_in, 1);
	in->arena = arena;
	for (size_t i = 0; i < DGRAM_IN_MAX; i++) {
		in->iovs[i] = (struct iovec){arena + i * SLOT_STRIDE + FRAME_PREFIX, FRAME_MAX};
		in->msgs[i].msg_hdr.msg_iov = &in->iovs[i];
		in->msgs[i].msg_hdr.msg_iovlen = 1;
		in->msgs[i].msg_hdr.msg_name = &in->from[i].sa;
		in->frames[i].frame.data = in->iovs[i].iov_base;
		in->frames[i].from = &in->from[i];
	}
	return in;
}

void dgram_in_free(struct dgram_in *in)
{
	if (!in)
		return;
	munmap(in->arena, ARENA_SIZE);
	g_free(in);
}

bool dgram_in_read(struct dgram_in *in, int fd, size_t max, const struct dgram_in_frame **frames,
		   size_t *n)
{
	int got;

	*n = 0;
	*frames = in->frames;
	for (size_t i = 0; i < max; i++)
		in->msgs[i].msg_hdr.msg_namelen = sizeof(in->from[i].storage);
	got = recvmmsg(fd, in->msgs, (unsigned)max, MSG_DONTWAIT, NULL);
	if (got < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	for (int i = 0; i < got; i++) {
		const struct msghdr *msg = &in->msgs[i].msg_hdr;
		struct dgram_in_frame *f = &in->frames[i];
		socklen_t len = msg->msg_namelen;

		/* For an unnamed unix sender the kernel returns only the family. */
		in->from[i].len = len > sizeof(sa_family_t) ? len : 0;
		f->truncated = msg->msg_flags & MSG_TRUNC;
		f->frame.len = in->msgs[i].msg_len;
		frame_set_prefix(in->iovs[i].iov_base, f->frame.len);
	}
	*n = (size_t)got;
	return true;
}
