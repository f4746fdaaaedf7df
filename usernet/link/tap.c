/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/tap.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "base/log.h"
#include "link/tap_out.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/port.h"
#include "net/vswitch.h"

#define FRAMES_MAX 256 /* frames read per turn */

struct tap_netdev {
	struct netdev netdev;
	struct port port;
	struct tap_device device;
	struct tap_out out;
	struct loop_io io;
	struct loop_task leave; /* the interface is gone */
	struct loop_task reap;
	bool paused;
	bool gone;
};

static struct tap_netdev *from_port(struct port *port)
{
	return container_of(port, struct tap_netdev, port);
}

static void update_events(struct tap_netdev *self)
{
	if (self->io.loop)
		loop_io_events(&self->io, (self->paused ? 0 : EPOLLIN) |
						  (tap_out_held(&self->out) ? EPOLLOUT : 0));
}

static void leave(struct loop_task *task)
{
	struct tap_netdev *self = container_of(task, struct tap_netdev, leave);

	loop_io_remove(&self->io);
	netdev_remove_port(&self->port);
}

static void interface_gone(struct tap_netdev *self)
{
	if (self->gone)
		return;
	self->gone = true;
	log_info("%s: the interface %s is gone", self->netdev.id, self->device.name);
	loop_task_defer(&self->leave);
}

/* Returns the length of the frame read to @data; 0: none waits, or it was dropped. */
static size_t read_frame(struct tap_netdev *self, uint8_t *data, struct frame *frame, bool *more)
{
	struct virtio_net_hdr header = {0};
	struct iovec iov[] = {{&header, sizeof(header)}, {data, FRAME_MAX}};
	size_t skip = self->device.vnet_hdr ? sizeof(header) : 0;
	ssize_t got = readv(self->device.fd, skip ? iov : iov + 1, skip ? 2 : 1);

	*more = got >= 0 || errno == EINTR;
	if (got < 0 && errno == EBADFD)
		interface_gone(self);
	if (got < (ssize_t)skip)
		return 0;
	*frame = (struct frame){.data = data, .len = (uint32_t)((size_t)got - skip)};
	if (frame->len < FRAME_MIN) {
		port_drop(&self->port, DROP_RUNT, 1);
		return 0;
	}
	if (skip && !tap_device_mark(&header, data, frame)) {
		port_drop(&self->port, DROP_MALFORMED, 1);
		return 0;
	}
	frame_set_prefix(data, frame->len);
	return frame->len;
}

static void read_some(struct tap_netdev *self)
{
	struct chunk_pool *pool = self->netdev.network->chunks;
	struct chunk *chunk = chunk_take(pool);
	struct frame frames[FRAMES_MAX];
	size_t n = 0, used = 0;
	bool more = true;

	for (unsigned i = 0; more && i < FRAMES_MAX && used < self->port.read_max &&
			     used + FRAME_PREFIX + FRAME_MAX <= CHUNK_SIZE;
	     i++) {
		size_t len = read_frame(self, chunk->data + used + FRAME_PREFIX, &frames[n], &more);

		if (len) {
			used += FRAME_PREFIX + len;
			n++;
		}
	}
	self->port.has_more = more;
	if (!n) {
		chunk_return(pool, chunk);
		return;
	}
	vswitch_input(&self->port, frames, n);
	chunk_retire(pool, chunk);
}

static void settle(struct tap_netdev *self)
{
	struct tap_out *out = &self->out;
	size_t held = tap_out_held(out);

	port_drop(&self->port, DROP_QUEUE_FULL, out->n_full);
	port_drop(&self->port, DROP_LINK_DOWN, out->n_down);
	port_drop(&self->port, DROP_WRITE_ERROR, out->n_error);
	out->n_full = out->n_down = out->n_error = 0;
	if (held > TAP_OUT_HIGH)
		port_set_congested(&self->port, true);
	else if (held < TAP_OUT_LOW)
		port_set_congested(&self->port, false);
	update_events(self);
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct tap_netdev *self = container_of(io, struct tap_netdev, io);

	if (revents & (EPOLLIN | EPOLLERR | EPOLLHUP))
		read_some(self);
	if (!self->gone && (revents & EPOLLOUT)) {
		tap_out_drain(&self->out);
		settle(self);
	}
}

static void tap_send(struct port *port, const struct frame *frames, size_t n)
{
	tap_out_note(&from_port(port)->out, frames, n);
}

static void tap_flush(struct port *port)
{
	struct tap_netdev *self = from_port(port);
	bool waited = tap_out_held(&self->out);

	tap_out_flush(&self->out);
	if (waited || tap_out_held(&self->out) || self->out.n_down || self->out.n_error)
		settle(self);
}

static void tap_pause(struct port *port, bool pause)
{
	struct tap_netdev *self = from_port(port);

	self->paused = pause;
	update_events(self);
}

static const struct port_ops ops = {.send = tap_send, .flush = tap_flush, .pause = tap_pause};

/* --- lifecycle --- */

static void reap(struct loop_task *task)
{
	struct tap_netdev *self = container_of(task, struct tap_netdev, reap);

	tap_out_clear(&self->out);
	g_free(self);
}

static void tap_destroy(struct netdev *netdev)
{
	struct tap_netdev *self = container_of(netdev, struct tap_netdev, netdev);

	loop_task_cancel(&self->leave);
	netdev_remove_port(&self->port);
	loop_io_remove(&self->io);
	g_close(self->device.fd, NULL);
	netdev_fini(netdev);
	loop_task_defer(&self->reap);
}

/* QEMU net/tap.c: "ifname=%s,script=%s,downscript=%s", or "fd=%d". */
static char *tap_info(const struct netdev *netdev, const struct port *port)
{
	const struct tap_netdev *self = container_of(netdev, struct tap_netdev, netdev);

	return g_strdup_printf("ifname=%s,script=no,downscript=no", self->device.name);
}

static const struct netdev_ops tap_ops = {.kind = "tap", .info = tap_info, .destroy = tap_destroy};

static bool open_device(struct tap_device *device, const struct tap_config *config, GError **error)
{
	if (config->fd >= 0 ? !tap_device_adopt(device, config->fd, config->vnet_hdr, error)
			    : !tap_device_open(device, config->ifname, config->vnet_hdr, error))
		return false;
	if (!config->sndbuf || tap_device_sndbuf(device, config->sndbuf, error))
		return true;
	if (config->fd < 0)
		g_close(device->fd, NULL);
	return false;
}

struct netdev *tap_netdev_new(struct network *network, const struct tap_config *config,
			      GError **error)
{
	struct tap_netdev *self;
	struct tap_device device;

	if (!netdev_check_id(network, config->id, error) || !open_device(&device, config, error))
		return NULL;
	self = g_new0(struct tap_netdev, 1);
	self->device = device;
	tap_out_init(&self->out, device.fd, device.vnet_hdr);
	loop_task_init(network->loop, &self->leave, LOOP_REAP, leave);
	loop_task_init(network->loop, &self->reap, LOOP_REAP, reap);
	netdev_init(&self->netdev, &tap_ops, network, config->id);
	self->netdev.description =
		g_strdup_printf("tap:%s%s", device.name, device.vnet_hdr ? "" : " (no vnet_hdr)");
	loop_io_add(network->loop, &self->io, device.fd, EPOLLIN, ready);
	netdev_add_port(&self->netdev, &self->port, &ops, device.name);
	self->port.takes_offload = device.vnet_hdr;
	return &self->netdev;
}
