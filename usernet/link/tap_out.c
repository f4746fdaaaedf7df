/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/tap_out.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "link/tap_device.h"

#define NOTED_FIRST 64
#define NOTED_KEEP  1024 /* a longer list is freed after the turn */

void tap_out_init(struct tap_out *out, int fd, bool vnet_hdr)
{
	*out = (struct tap_out){.fd = fd, .vnet_hdr = vnet_hdr};
}

void tap_out_clear(struct tap_out *out)
{
	ring_clear(&out->held);
	g_clear_pointer(&out->noted, g_free);
	out->n_noted = out->cap_noted = 0;
}

void tap_out_note(struct tap_out *out, const struct frame *frames, size_t n)
{
	if (out->n_noted + n > out->cap_noted) {
		out->cap_noted = MAX(MAX(NOTED_FIRST, 2 * out->cap_noted), out->n_noted + n);
		out->noted = g_renew(struct frame, out->noted, out->cap_noted);
	}
	memcpy(out->noted + out->n_noted, frames, n * sizeof(*frames));
	out->n_noted += n;
}

/* False: the tap has no room now. Otherwise the @n frames are written, or lost and counted. */
static bool put(struct tap_out *out, const struct iovec *iov, unsigned n_iov, size_t n)
{
	ssize_t done;

	do
		done = writev(out->fd, iov, (int)n_iov);
	while (done < 0 && errno == EINTR);
	if (done >= 0)
		return true;
	if (errno == EAGAIN)
		return false;
	/* EIO: the interface is down. EBADFD: it is gone. */
	if (errno == EIO || errno == EBADFD)
		out->n_down += n;
	else
		out->n_error += n;
	return true;
}

static void hold(struct tap_out *out, const struct iovec *iov, unsigned n_iov, size_t n)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < n_iov; i++)
		len += (uint32_t)iov[i].iov_len;
	if (out->held.len + sizeof(len) + len > TAP_OUT_MAX) {
		out->n_full += n;
		return;
	}
	ring_put(&out->held, &len, sizeof(len));
	for (unsigned i = 0; i < n_iov; i++)
		ring_put(&out->held, iov[i].iov_base, iov[i].iov_len);
}

static void put_or_hold(struct tap_out *out, const struct iovec *iov, unsigned n_iov, size_t n)
{
	if (out->held.len || !put(out, iov, n_iov, n))
		hold(out, iov, n_iov, n);
}

static void put_single(struct tap_out *out, const struct frame *frame)
{
	struct virtio_net_hdr header;
	const struct iovec iov[] = {{&header, sizeof(header)},
				    {(uint8_t *)frame->data, frame->len}};

	if (!out->vnet_hdr)
		put_or_hold(out, iov + 1, 1, 1);
	else if (tap_device_header(frame, &header))
		put_or_hold(out, iov, 2, 1);
	else
		out->n_error++;
}

void tap_out_flush(struct tap_out *out)
{
	for (size_t at = 0; at < out->n_noted;) {
		const struct frame *frames = out->noted + at;
		size_t n = out->vnet_hdr ? tap_merge(&out->merge, frames, out->n_noted - at) : 1;

		if (n > 1)
			put_or_hold(out, out->merge.iov, out->merge.n_iov, n);
		else
			put_single(out, frames);
		at += n;
	}
	out->n_noted = 0;
	if (out->cap_noted > NOTED_KEEP) {
		g_clear_pointer(&out->noted, g_free);
		out->cap_noted = 0;
	}
}

void tap_out_drain(struct tap_out *out)
{
	while (out->held.len) {
		struct iovec iov[2];
		unsigned n_iov;
		uint32_t len;

		ring_copy(&out->held, 0, &len, sizeof(len));
		n_iov = ring_peek(&out->held, sizeof(len), len, iov);
		if (!put(out, iov, n_iov, 1))
			return;
		ring_drop(&out->held, sizeof(len) + len);
	}
}
