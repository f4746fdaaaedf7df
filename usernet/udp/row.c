/* SPDX-License-Identifier: BSD-3-Clause */
#include <sys/epoll.h>
#include <unistd.h>

#include "udp/udp_priv.h"

/*
 * Sockets that are ready wait in a row. A turn reads a batch from each until it has read its share;
 * the rest stays in the kernel, and the row continues there next turn. A socket whose guest's port
 * is congested waits until the port drains, on the port's own list.
 */
#define TTL_DEFAULT 64

/* --- life --- */

void udp_host_init(struct udp *udp, struct udp_host *host)
{
	*host = (struct udp_host){
		.udp = udp,
		.fd = -1,
		.refs = 1,
		.dont_fragment = true,
		.ttl = TTL_DEFAULT,
		.first = UDP_OUT_NONE,
		.last_out = UDP_OUT_NONE,
	};
	list_init(&host->ready_link);
	list_init(&host->out_link);
}

void udp_host_hold(struct udp_host *host)
{
	host->refs++;
}

void udp_host_release(struct udp_host *host)
{
	if (--host->refs == 0)
		host->last(host);
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
	struct udp_host *host = container_of(io, struct udp_host, io);

	host->failed |= (revents & EPOLLERR) != 0;
	if (list_empty(&host->ready_link))
		list_append(&host->udp->ready, &host->ready_link);
	loop_task_defer(host->udp->env.service);
}

void udp_host_watch(struct udp_host *host, int fd)
{
	host->fd = fd;
	loop_io_add(host->udp->env.network->loop, &host->io, fd, EPOLLIN, on_ready);
}

void udp_host_close(struct udp_host *host)
{
	if (host->fd < 0)
		return;
	loop_io_remove(&host->io);
	close(host->fd);
	host->fd = -1;
	host->failed = false;
	list_remove(&host->ready_link);
}

/* --- congested ports --- */

bool udp_host_waits(struct udp_host *host, mac_t mac)
{
	struct udp *udp = host->udp;
	struct port *port = udp_port_of(udp, mac);

	if (!port || !port->congested)
		return false;
	list_append(&port->udp_held, &host->ready_link);
	loop_io_events(&host->io, 0);
	if (!loop_timer_is_set(&udp->look_again))
		loop_timer_set(&udp->look_again, udp_now(udp) + NETWORK_LOOK_AGAIN);
	return true;
}

void udp_port_drained(const struct port *port)
{
	list_for_each_safe (host, &port->udp_held, struct udp_host, ready_link) {
		list_remove(&host->ready_link);
		loop_io_events(&host->io, EPOLLIN);
	}
}

void udp_look_again(struct loop_timer *timer)
{
	struct udp *udp = container_of(timer, struct udp, look_again);

	network_foreach_congested(udp->env.network, udp_port_drained);
}

/* --- reading --- */

unsigned udp_host_receive(struct udp_host *host)
{
	struct udp *udp = host->udp;
	bool more;
	unsigned n = udp_receive(udp->receiver, host->fd, &host->pace, &more);

	if (more)
		list_append(&udp->ready, &host->ready_link);
	return n;
}

void udp_read_ready(struct udp *udp)
{
	size_t read = 0;

	/* More than this would overflow the turn's outbox. */
	while (!list_empty(&udp->ready) && read < UDP_TURN_BYTES &&
	       udp->env.outbox->n_chunks <= OUTBOX_MAX_CHUNKS / 2) {
		struct udp_host *host = list_first(&udp->ready, struct udp_host, ready_link);

		udp_host_hold(host); /* reading may end its conns */
		list_remove(&host->ready_link);
		read += host->read(host);
		udp_host_release(host);
	}
	udp_receiver_rest(udp->receiver);
}
