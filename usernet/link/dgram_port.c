/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/dgram_port.h"

#include "net/netdev.h"

static struct dgram_port *from_port(struct port *port)
{
	return container_of(port, struct dgram_port, port);
}

static void count(struct port *port, enum drop_reason why, uint64_t *lost)
{
	port_drop(port, why, *lost);
	*lost = 0;
}

static void settle(struct dgram_port *self)
{
	struct dgram_out *out = &self->out;
	size_t held = dgram_out_held(out);

	count(&self->port, DROP_QUEUE_FULL, &out->n_full);
	count(&self->port, DROP_OVERSIZE, &out->n_oversize);
	count(&self->port, DROP_LINK_DOWN, &out->n_down);
	count(&self->port, DROP_WRITE_ERROR, &out->n_error);
	if (held > DGRAM_OUT_HIGH)
		port_set_congested(&self->port, true);
	else if (held < DGRAM_OUT_LOW)
		port_set_congested(&self->port, false);
	if (out->down && self->down)
		self->down(self);
}

static void dgram_send(struct port *port, const struct frame *frames, size_t n)
{
	dgram_out_note(&from_port(port)->out, frames, n);
}

static void dgram_flush(struct port *port)
{
	struct dgram_port *self = from_port(port);

	dgram_out_flush(&self->out);
	settle(self);
}

static void dgram_pause(struct port *port, bool pause)
{
	from_port(port)->pause(from_port(port), pause);
}

static const struct port_ops ops = {
	.send = dgram_send,
	.flush = dgram_flush,
};

static const struct port_ops pausing_ops = {
	.send = dgram_send,
	.flush = dgram_flush,
	.pause = dgram_pause,
};

void dgram_port_room(struct dgram_out *out)
{
	struct dgram_port *self = container_of(out, struct dgram_port, out);

	dgram_out_drain(out);
	settle(self);
}

void dgram_port_add(struct dgram_port *self, struct netdev *netdev, const char *peer)
{
	netdev_add_port(netdev, &self->port, self->pause ? &pausing_ops : &ops, peer);
}

void dgram_port_remove(struct dgram_port *self)
{
	netdev_remove_port(&self->port);
	dgram_out_clear(&self->out);
}
