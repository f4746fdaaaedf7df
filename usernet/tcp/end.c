/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "tcp/conn.h"

enum conn_state end_state(const struct tcp_conn *c)
{
	switch ((enum tcp_phase)c->phase) {
	case PHASE_OPENING:
		return CONN_SYN_SENT;
	case PHASE_SYN_RECEIVED: /* the guest has our SYN,ACK or will get it */
		return c->conn->opener == CONN_BY_GUEST ? CONN_SYN_SENT : CONN_SYN_RECEIVED;
	case PHASE_SYN_SENT:
		return CONN_SYN_RECEIVED;
	case PHASE_OPEN:
		break;
	}
	if (!c->fin_taken)
		return c->host_eof ? CONN_CLOSE_WAIT : CONN_ESTABLISHED;
	/* A guest's FIN is acknowledged in the turn in which it comes. */
	if (!c->host_eof || c->guest_first)
		return CONN_FIN_WAIT_2;
	return CONN_LAST_ACK;
}

/* Fills conn::ends, so that the gateway can answer late segments. */
static void fill_ends(const struct tcp_conn *c, bool reset)
{
	bool peer_began = c->phase != PHASE_OPENING;

	c->conn->ends = (struct conn_tcp){
		.guest_next = c->rcv_nxt,
		.peer_next = c->snd_nxt,
		.peer_ack = c->rcv_nxt,
		.guest_fin = c->rcv_nxt,
		.guest_began = c->phase != PHASE_SYN_SENT,
		.peer_began = peer_began,
		.peer_acked = peer_began && c->phase != PHASE_SYN_SENT,
		.guest_ended = c->fin_taken,
		.peer_ended = c->host_eof,
		.guest_ended_first = c->guest_first,
		.guest_end_acked = c->fin_taken,
		.peer_end_acked = c->host_eof && c->snd_una == c->snd_nxt,
		.reset = reset,
	};
}

/* The peer sees a reset if @reset; a plain close() would end the stream in order. */
static void close_host(struct tcp_conn *c, bool reset)
{
	int fd = c->io.fd;

	loop_io_remove(&c->io);
	if (reset)
		socket_reset(fd);
	else
		close(fd);
}

static void release(struct tcp_conn *c)
{
	struct charge *charge = c->conn->charge;
	struct tcp_owner *owner = c->owner;
	int error = c->open_error;

	loop_timer_cancel(&c->timer);
	list_remove(&c->due);
	list_remove(&c->link);
	ring_free(c);
	down_free(c);
	charge_give(charge, CHARGE_FDS, 1);
	if (c->opening_charged)
		charge_give(charge, CHARGE_OPENING, 1);
	c->conn->tcp = NULL;
	c->conn->ops = NULL;
	c->tcp->n_conns--;
	g_free(c);
	if (owner)
		owner->ended(owner, error);
}

static void reset_guest(struct tcp_conn *c)
{
	if (c->phase == PHASE_OPENING)
		emit_reset(c, 0, true); /* RFC 9293 3.5.2, group 1 */
	else
		emit_reset(c, c->snd_nxt, c->phase != PHASE_SYN_SENT);
}

static void end_with(struct tcp_conn *c, bool reset, enum conn_state state)
{
	struct tcp *tcp = c->tcp;
	struct conn *conn = c->conn;

	fill_ends(c, reset);
	release(c);
	conn_set_state(tcp->env.conns, conn, state, tcp_now(tcp));
}

void end_both(struct tcp_conn *c)
{
	bool guest_first = c->guest_first;

	close_host(c, false);
	end_with(c, false, guest_first ? CONN_TIME_WAIT : CONN_CLOSED);
}

void end_reset(struct tcp_conn *c, bool guest, bool host)
{
	if (guest)
		reset_guest(c);
	close_host(c, host);
	end_with(c, true, CONN_CLOSED);
}

void end_quietly(struct tcp_conn *c)
{
	end_reset(c, false, false);
}

void end_from_table(struct conn *conn)
{
	struct tcp_conn *c = conn->tcp;

	if (!c)
		return;
	reset_guest(c);
	close_host(c, true);
	fill_ends(c, true);
	release(c);
}
