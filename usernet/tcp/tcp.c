/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/tcp.h"

#include <glib.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "net/vswitch.h"
#include "tcp/conn.h"

/*
 * How it works. A connection is served once a turn, by tcp_run(), if it is on the list of those
 * that are due. Events change only state and put it there:
 *
 *     segments (input.c)   ACKs free slots and open windows; payload is noted where it lies
 *     the socket (here)    became readable or writable: edge-triggered, so that a connection costs
 *                          no system call but its reads and writes
 *     the timer (timer.c)  retransmission, probes, keep-alive
 *
 * Serving does, in this order:
 *
 *     handshake.c  opens it, if it is not open yet
 *     up.c         one sendmsg of what the guest sent, straight from its frames
 *     recovery.c   finds losses, retransmits
 *     down.c       one readv into slots (block.h), which leave as frames: as much as the guest's
 *                  window, the congestion window (congestion.c) and the turn's bytes allow
 *     emit.c       an ACK, if no frame has carried it
 *     end.c        ends it, if both ends have closed
 *
 * A connection that got nothing because the turn's bytes were used up goes first next turn; those
 * that could read more come after it.
 */

void conn_due(struct tcp_conn *c)
{
	if (c->queued)
		return;
	c->queued = true;
	list_remove(&c->due); /* it may be on port::tcp_held */
	list_append(&c->tcp->due, &c->due);
	loop_task_defer(c->tcp->env.service);
}

struct port *guest_port(struct tcp *tcp, mac_t mac)
{
	uint64_t turn = loop_turn(tcp->loop);

	if (tcp->port_mac != mac || tcp->port_turn != turn) {
		tcp->port = vswitch_lookup(tcp->env.network->vswitch, mac);
		tcp->port_mac = mac;
		tcp->port_turn = turn;
	}
	return tcp->port;
}

void conn_count_drop(struct tcp *tcp, const struct conn *conn, enum drop_reason why)
{
	struct port *port = guest_port(tcp, conn->mac);

	if (port)
		port_drop(port, why, 1);
}

/* --- memory --- */

bool conn_charge(struct tcp_conn *c, uint32_t bytes)
{
	if (!charge_take(c->conn->charge, CHARGE_BYTES, bytes))
		return false;
	c->tcp->bytes += bytes;
	c->charged += bytes;
	return true;
}

void conn_charge_force(struct tcp_conn *c, uint32_t bytes)
{
	charge_force(c->conn->charge, CHARGE_BYTES, bytes);
	c->tcp->bytes += bytes;
	c->charged += bytes;
}

void conn_uncharge(struct tcp_conn *c, uint32_t bytes)
{
	charge_give(c->conn->charge, CHARGE_BYTES, bytes);
	c->tcp->bytes -= bytes;
	c->charged -= bytes;
}

/* --- a connection --- */

static void conn_moved(struct conn *conn, struct charge *from)
{
	struct tcp_conn *c = conn->tcp;

	charge_move(from, conn->charge, CHARGE_FDS, 1);
	charge_move(from, conn->charge, CHARGE_BYTES, c->charged);
	if (c->opening_charged)
		charge_move(from, conn->charge, CHARGE_OPENING, 1);
	emit_init(c);
	congestion_moved(c);
}

static const struct conn_ops conn_ops = {.ended = end_from_table, .moved = conn_moved};

static void socket_ready(struct loop_io *io, uint32_t revents)
{
	struct tcp_conn *c = container_of(io, struct tcp_conn, io);

	if (revents & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->readable = true;
	if (revents & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		c->writable = true;
	if (revents & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->ending = true;
	if (revents & EPOLLERR && !c->is_unix)
		c->failed = true;
	c->host_dead |= c->failed && c->host_eof; /* nothing more is to be read */
	conn_due(c);
}

static void set_up_socket(struct tcp_conn *c, int fd)
{
	int domain = AF_UNIX, on = 1;
	socklen_t len = sizeof(domain);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	c->is_unix = domain == AF_UNIX;
	if (c->is_unix)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
}

struct tcp_conn *conn_new(struct tcp *tcp, struct conn *conn, int fd)
{
	struct tcp_conn *c = g_new0(struct tcp_conn, 1);

	c->tcp = tcp;
	c->conn = conn;
	c->v6 = !address_is_v4(&conn->key.guest);
	c->heard = tcp_now(tcp);
	c->opening_charged = true;
	list_init(&c->due);
	list_append(&tcp->conns, &c->link);
	loop_timer_init(tcp->loop, &c->timer, timer_fire);
	emit_init(c);
	set_up_socket(c, fd);
	loop_io_add(tcp->loop, &c->io, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, socket_ready);
	tcp->n_conns++;
	conn->tcp = c;
	conn->ops = &conn_ops;
	return c;
}

/* --- serving --- */

static void take_fin(struct tcp_conn *c)
{
	if (c->has_fin && !c->fin_taken && c->rcv_nxt == c->fin_seq) {
		c->fin_taken = true;
		c->guest_first = !c->host_eof;
		c->rcv_nxt++;
		c->rcv_edge = seq_max(c->rcv_edge, c->rcv_nxt);
		c->need_ack = true;
	}
	if (c->fin_taken && !c->host_shut && !up_waiting(c) && !c->host_dead) {
		if (!c->deaf)
			shutdown(c->io.fd, SHUT_WR);
		c->host_shut = true;
	}
}

static void serve_up(struct tcp_conn *c)
{
	uint32_t before = c->up_nxt;
	bool owed;

	up_flush(c);
	take_fin(c);
	if (c->up_nxt != before && !c->fin_taken && emit_window_moved(c))
		c->need_ack = true;
	owed = c->need_ack;
	for (; c->n_extra_acks > 1; c->n_extra_acks--)
		emit_ack(c);
	c->n_extra_acks = 0;
	c->need_ack = owed;
	/* A segment with payload has no room for SACK blocks. */
	if (c->need_ack && c->ring && c->ring->n_spans)
		emit_ack(c);
}

static void serve_down(struct tcp_conn *c)
{
	struct tcp *tcp = c->tcp;
	struct port *port = guest_port(tcp, c->conn->mac);

	if (port && port->congested) {
		list_append(&port->tcp_held, &c->due);
		if (!loop_timer_is_set(&tcp->look_again))
			loop_timer_set(&tcp->look_again, tcp_now(tcp) + NETWORK_LOOK_AGAIN);
		return;
	}
	switch (down_run(c)) {
	case DOWN_WAITS:
		break;
	case DOWN_HUNGRY:
		c->queued = true;
		list_append(&tcp->due, &c->due);
		break;
	case DOWN_WANTS:
		c->queued = true;
		list_append(&tcp->later, &c->due);
		break;
	}
}

/* How long the guest may receive what the host sent before it ended; 0: unlimited. */
static usec_t linger(const struct tcp_conn *c)
{
	if (c->host_dead || c->failed)
		return TCP_RESET_LINGER;
	return c->deaf && c->host_eof ? TCP_DEAF_LINGER : 0;
}

/* True: both ends are done, and @c is freed. */
static bool is_over(struct tcp_conn *c)
{
	usec_t now = tcp_now(c->tcp), most = linger(c);
	bool read = c->host_eof || !c->readable;

	if (most && !c->deadline)
		c->deadline = now + most;
	if (most && (now >= c->deadline || (c->host_dead && read && !down_out(c)))) {
		end_reset(c, true, true);
		return true;
	}
	if (c->fin_taken && c->host_shut && c->host_eof && !down_out(c)) {
		if (c->need_ack)
			emit_ack(c);
		end_both(c);
		return true;
	}
	return false;
}

/* Adds to the conn's counters, once a turn. */
static void count(struct tcp_conn *c)
{
	struct conn_table *conns = c->tcp->env.conns;
	usec_t now = tcp_now(c->tcp);

	if (c->up_segments || c->up_bytes)
		conn_passed(conns, c->conn, CONN_FROM_GUEST, c->up_segments, c->up_bytes, now);
	if (c->down_segments || c->down_bytes)
		conn_passed(conns, c->conn, CONN_TO_GUEST, c->down_segments, c->down_bytes, now);
	c->up_segments = c->up_bytes = c->down_segments = c->down_bytes = 0;
}

static void serve(struct tcp_conn *c)
{
	struct conn *conn = c->conn;
	enum conn_state state;

	c->queued = false;
	if (c->phase != PHASE_OPEN && !handshake_serve(c))
		return;
	if (c->phase == PHASE_OPEN) {
		if (c->sniffs && !sniff_passes(c))
			return;
		serve_up(c);
		serve_down(c);
	}
	count(c);
	if (c->phase == PHASE_OPEN && is_over(c))
		return;
	if (c->need_ack) {
		emit_ack(c);
		count(c);
	}
	timer_arm(c);
	state = end_state(c);
	if (state != (enum conn_state)conn->state)
		conn_set_state(c->tcp->env.conns, conn, state, tcp_now(c->tcp));
}

void tcp_run(struct tcp *tcp)
{
	struct list batch;

	list_init(&batch);
	list_splice(&batch, &tcp->due);
	tcp->turn_bytes = TCP_TURN_BYTES;
	while (!list_empty(&batch)) {
		struct tcp_conn *c = list_first(&batch, struct tcp_conn, due);

		list_remove(&c->due);
		serve(c);
	}
	tcp->n_notes = 0;
	list_splice(&tcp->due, &tcp->later);
	if (!list_empty(&tcp->due))
		loop_task_defer(tcp->env.service);
}

void tcp_port_drained(const struct port *port)
{
	while (!list_empty(&port->tcp_held))
		conn_due(list_first(&port->tcp_held, struct tcp_conn, due));
}

static void look_again(struct loop_timer *timer)
{
	struct tcp *tcp = container_of(timer, struct tcp, look_again);

	network_foreach_congested(tcp->env.network, tcp_port_drained);
}

/* --- the whole --- */

struct tcp *tcp_new(const struct tcp_env *env)
{
	struct tcp *tcp = g_new0(struct tcp, 1);

	tcp->env = *env;
	tcp->loop = env->network->loop;
	list_init(&tcp->conns);
	list_init(&tcp->due);
	list_init(&tcp->later);
	loop_timer_init(tcp->loop, &tcp->look_again, look_again);
	tcp->pool = block_pool_new(tcp->loop);
	tcp->port_turn = UINT64_MAX;
	return tcp;
}

void tcp_free(struct tcp *tcp)
{
	if (!tcp)
		return;
	while (!list_empty(&tcp->conns))
		end_reset(list_first(&tcp->conns, struct tcp_conn, link), true, true);
	loop_timer_cancel(&tcp->look_again);
	block_pool_free(tcp->pool);
	g_free(tcp->notes);
	g_free(tcp);
}

void tcp_reset(struct tcp *tcp, struct conn *conn)
{
	if (conn->tcp)
		end_reset(conn->tcp, true, true);
}

void tcp_cut(struct tcp *tcp, struct conn *conn)
{
	if (conn->tcp)
		end_reset(conn->tcp, true, false);
}

void tcp_own(struct conn *conn, struct tcp_owner *owner)
{
	conn->tcp->owner = owner;
}

unsigned tcp_count(const struct tcp *tcp)
{
	return tcp->n_conns;
}

uint64_t tcp_bytes(const struct tcp *tcp)
{
	return tcp->bytes;
}

void tcp_queues(const struct conn *conn, unsigned *recvq, unsigned *sendq)
{
	const struct tcp_conn *c = conn->tcp;

	*recvq = c ? up_waiting(c) : 0;
	*sendq = c ? down_out(c) : 0;
}

int tcp_fd(const struct conn *conn)
{
	return conn->tcp ? conn->tcp->io.fd : -1;
}
