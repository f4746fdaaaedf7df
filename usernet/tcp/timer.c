/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>

#include "net/port.h"
#include "tcp/conn.h"

/*
 * Each connection has one timer. It is moved only to an earlier time: when a deadline moves back,
 * the timer stays and checks the deadlines when it fires. So segments do not set timers.
 */

usec_t timer_rto(const struct tcp_conn *c)
{
	usec_t rto = TCP_RTO_FIRST;

	if (c->srtt)
		rto = MAX(TCP_RTO_MIN, c->srtt + MAX(USEC_PER_MSEC, 4 * (usec_t)c->rttvar));
	return MIN(rto << MIN(c->backoff, 10), TCP_RTO_MAX);
}

/* RFC 6298 2 */
void timer_measured(struct tcp_conn *c, uint32_t rtt)
{
	rtt = CLAMP(rtt, 1, 60000000);
	c->min_rtt = c->min_rtt ? MIN(c->min_rtt, rtt) : rtt;
	if (!c->srtt) {
		c->srtt = rtt;
		c->rttvar = rtt / 2;
		return;
	}
	c->rttvar = (3 * c->rttvar + (c->srtt < rtt ? rtt - c->srtt : c->srtt - rtt)) / 4;
	c->srtt = MAX(1, (7 * c->srtt + rtt) / 8);
}

void timer_by(struct tcp_conn *c, usec_t at)
{
	if (!loop_timer_is_set(&c->timer) || at < c->timer.at)
		loop_timer_set(&c->timer, at);
}

/* RFC 8985 7.2: when to probe for a lost tail. */
static usec_t probe_time(const struct tcp_conn *c)
{
	usec_t time = 2 * (usec_t)c->srtt;

	if (down_out(c) <= c->mss)
		time += TCP_DELAYED_ACK_MAX;
	return MAX(time, TCP_PTO_MIN);
}

static void arm_retransmission(struct tcp_conn *c)
{
	usec_t now = tcp_now(c->tcp), rto = timer_rto(c);
	bool probes = c->sack && c->srtt && !c->in_recovery && !c->probe_out && !c->backoff;

	if (probes && probe_time(c) < rto) {
		c->timer_kind = TIMER_PROBE;
		c->rexmit = now + probe_time(c);
	} else {
		c->timer_kind = TIMER_RTO;
		c->rexmit = now + rto;
	}
}

static void arm_idle(struct tcp_conn *c)
{
	if (c->timer_kind == TIMER_PERSIST && down_must_probe(c))
		return;
	c->timer_kind = TIMER_NONE;
	if (!down_must_probe(c))
		return;
	c->timer_kind = TIMER_PERSIST;
	c->rexmit = tcp_now(c->tcp) + timer_rto(c);
}

/* When to check next whether the guest is silent. */
static usec_t silence_due(const struct tcp_conn *c)
{
	if (c->host_eof && !c->fin_taken)
		return c->heard + TCP_HALF_CLOSED_IDLE;
	return c->heard + TCP_KEEPALIVE_IDLE + c->keepalives * TCP_KEEPALIVE_EVERY;
}

void timer_arm(struct tcp_conn *c)
{
	bool stale = c->timer_kind == TIMER_NONE || c->timer_kind == TIMER_PERSIST ||
		     (c->timer_kind == TIMER_REORDER && c->rexmit <= tcp_now(c->tcp));

	if (c->phase == PHASE_OPEN) {
		if (!down_out(c))
			arm_idle(c);
		else if (stale || (c->una_moved && c->timer_kind != TIMER_REORDER) ||
			 (c->sent_new && c->timer_kind == TIMER_PROBE))
			arm_retransmission(c);
		c->una_moved = c->sent_new = false;
		timer_by(c, silence_due(c));
	}
	if (c->timer_kind != TIMER_NONE)
		timer_by(c, c->rexmit);
	if (c->sniffs && c->phase == PHASE_OPEN)
		timer_by(c, c->sniff_until);
	if (c->phase == PHASE_OPEN && c->deadline)
		timer_by(c, c->deadline);
	if (c->ack_waits)
		timer_by(c, c->ack_by);
}

/* --- firing --- */

/* Has the guest been silent for long enough to give up (RFC 9293 3.8.3 R2)? */
static bool give_up(struct tcp_conn *c)
{
	usec_t silence = tcp_now(c->tcp) - c->heard;

	c->retries++;
	if (c->retries <= TCP_RETRIES_MAX &&
	    (c->retries <= TCP_RETRIES_FEW || silence < TCP_SILENCE_MAX))
		return false;
	end_reset(c, true, true);
	return true;
}

static bool fire_persist(struct tcp_conn *c)
{
	/* A guest that answers may keep its window closed for ever (RFC 9293 3.8.6.1). */
	if (tcp_now(c->tcp) - c->heard < TCP_SILENCE_MAX)
		c->retries = 0;
	if (give_up(c))
		return false;
	c->backoff = (uint8_t)MIN(c->backoff + 1, 10);
	if (c->snd_wnd)
		c->send_small = true;
	else
		emit_probe(c, c->snd_una - 1);
	return true;
}

/* Does what timer_kind says. False: @c is freed. */
static bool fire_rexmit(struct tcp_conn *c)
{
	struct port *port = guest_port(c->tcp, c->conn->mac);
	enum tcp_timer kind = c->timer_kind;

	/* The segment is still in the port's queue: wait. */
	if (port && port->congested) {
		c->rexmit = tcp_now(c->tcp) + timer_rto(c);
		return true;
	}
	c->timer_kind = TIMER_NONE;
	switch (kind) {
	case TIMER_RTO:
		if (give_up(c))
			return false;
		c->backoff = (uint8_t)MIN(c->backoff + 1, 10);
		recovery_timeout(c);
		break;
	case TIMER_PROBE:
		recovery_probe(c);
		break;
	case TIMER_PERSIST:
		return fire_persist(c);
	case TIMER_REORDER: /* down_run() does it */
	case TIMER_NONE:
		break;
	}
	return true;
}

/* False: @c is freed. */
static bool fire_silence(struct tcp_conn *c)
{
	bool half = c->host_eof && !c->fin_taken;

	if (down_out(c) || c->timer_kind == TIMER_PERSIST)
		return true;
	if (half || c->keepalives >= TCP_KEEPALIVE_TRIES) {
		end_reset(c, true, true);
		return false;
	}
	c->keepalives++;
	emit_probe(c, c->snd_una - 1);
	return true;
}

void timer_fire(struct loop_timer *timer)
{
	struct tcp_conn *c = container_of(timer, struct tcp_conn, timer);
	usec_t now = tcp_now(c->tcp);

	if (c->phase == PHASE_SYN_RECEIVED || c->phase == PHASE_SYN_SENT) {
		if (c->timer_kind != TIMER_NONE && now >= c->rexmit && !handshake_timeout(c))
			return;
	} else if (c->phase == PHASE_OPEN) {
		if (c->timer_kind != TIMER_NONE && now >= c->rexmit && !fire_rexmit(c))
			return;
		if (now >= silence_due(c) && !fire_silence(c))
			return;
	}
	c->need_ack |= c->ack_waits && now >= c->ack_by;
	conn_due(c); /* serving it sets the timer again */
}
