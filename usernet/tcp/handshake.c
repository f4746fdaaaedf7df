/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/sockaddr.h"
#include "tcp/conn.h"

/* Opens connections both ways (RFC 9293 3.10.7.3 and .4, up to ESTABLISHED). */

/* --- the guest's SYN --- */

static uint32_t guest_mss(const struct tcp_conn *c, const struct tcp_options *options)
{
	const struct user_config *config = c->tcp->env.config;
	uint32_t headers = c->v6 ? 60 : 40;
	uint32_t most = (config->mtu ? config->mtu : 65535) - headers;
	/* Without an MSS option (GRUB) use the link's, not RFC 9293 3.7.1's 536. */
	uint32_t mss =
		options->has_mss && options->mss ? options->mss : user_config_mtu(config) - headers;

	mss = MIN(mss, most);
	if (c->stamps)
		mss -= MIN(mss, TCP_OPTION_STAMPS_LEN);
	return MAX(mss, TCP_PAYLOAD_MIN);
}

static void take_syn(struct tcp_conn *c, const struct packet *packet,
		     const struct tcp_options *options)
{
	const uint8_t *tcp = packet->frame + packet->l4;

	c->irs = packet_u32(tcp + 4);
	c->rcv_nxt = c->up_nxt = c->rcv_edge = c->last_ack_sent = c->irs + 1;
	c->steady_from = c->rcv_nxt;
	c->stamps = options->has_stamps;
	c->sack = options->may_sack;
	c->snd_shift = options->has_shift ? options->shift : 0;
	c->rcv_shift = options->has_shift ? TCP_WINDOW_SHIFT : 0;
	c->ts_recent = options->stamp;
	c->ts_recent_at = tcp_now(c->tcp);
	c->mss = guest_mss(c, options);
	/* Not scaled in a SYN (RFC 7323 2.2). */
	c->snd_wnd = c->max_wnd = packet_u16(tcp + 14);
	c->snd_wl1 = c->irs;
}

/* RFC 6528: a hash of addresses and ports, plus a clock of 4 us. */
static void choose_iss(struct tcp_conn *c)
{
	uint64_t hash = hash_bytes(hash_seed() ^ 0x697373, &c->conn->key, sizeof(c->conn->key));

	c->iss = (uint32_t)hash + (uint32_t)(tcp_now(c->tcp) / 4);
	c->ts_offset = (uint32_t)(hash >> 32);
	c->snd_una = c->iss;
	c->snd_nxt = c->iss;
}

static void send_syn(struct tcp_conn *c)
{
	usec_t now = tcp_now(c->tcp);

	if (!c->retries)
		c->rack_sent = (uint32_t)now;
	c->snd_nxt = c->iss + 1;
	emit_syn(c);
	c->timer_kind = TIMER_RTO;
	c->rexmit = now + (TCP_RTO_FIRST << c->retries);
	timer_by(c, c->rexmit);
}

bool handshake_timeout(struct tcp_conn *c)
{
	usec_t now = tcp_now(c->tcp);

	c->retries++;
	if (c->phase == PHASE_SYN_SENT ? now >= c->deadline : c->retries > TCP_SYN_RETRIES) {
		end_reset(c, true, true);
		return false;
	}
	send_syn(c);
	if (c->phase == PHASE_SYN_SENT)
		c->rexmit = MIN(c->rexmit, c->deadline);
	return true;
}

void handshake_done(struct tcp_conn *c)
{
	usec_t now = tcp_now(c->tcp);

	c->phase = PHASE_OPEN;
	c->sniff_until = now + TCP_SNIFF_TIMEOUT;
	c->snd_una = c->snd_nxt;
	c->timer_kind = TIMER_NONE;
	c->rexmit = 0;
	c->deadline = 0;
	if (c->opening_charged)
		charge_give(c->conn->charge, CHARGE_OPENING, 1);
	c->opening_charged = false;
	congestion_init(c);
	if (!c->retries)
		timer_measured(c, (uint32_t)now - c->rack_sent);
	c->retries = 0;
	conn_set_state(c->tcp->env.conns, c->conn, CONN_ESTABLISHED, now);
}

/* --- outward --- */

static void set_recverr(struct tcp_conn *c, int on)
{
	if (c->v6)
		setsockopt(c->io.fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	else
		setsockopt(c->io.fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	c->recverr = on;
}

static bool is_connected(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

static bool serve_opening(struct tcp_conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (is_connected(c->io.fd)) {
		/*
		 * On an established connection it would make ICMP errors fatal (RFC 1122
		 * 4.2.3.9).
		 */
		if (c->recverr || c->v6) /* in IPv6 it was set before connect() */
			set_recverr(c, 0);
		c->phase = PHASE_SYN_RECEIVED;
		send_syn(c);
		return true;
	}
	if (!c->recverr)
		set_recverr(c, 1);
	getsockopt(c->io.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (!error && c->ending)
		error = ECONNRESET;
	if (!error)
		return true;
	c->open_error = error;
	refuse(c, error);
	end_quietly(c);
	return false;
}

bool handshake_serve(struct tcp_conn *c)
{
	if (c->phase == PHASE_OPENING)
		return serve_opening(c);
	if (c->phase == PHASE_SYN_SENT && c->timer_kind == TIMER_NONE)
		send_syn(c);
	return true;
}

/* Takes CHARGE_OPENING and CHARGE_FDS; false: the port's limit is reached. */
static bool take_charges(struct conn *conn)
{
	if (!charge_take(conn->charge, CHARGE_OPENING, 1))
		return false;
	if (charge_take(conn->charge, CHARGE_FDS, 1))
		return true;
	charge_give(conn->charge, CHARGE_OPENING, 1);
	return false;
}

/* Fills in @c to build segments for a connection that will not exist. */
static void borrow(struct tcp_conn *c, struct tcp *tcp, struct conn *conn)
{
	*c = (struct tcp_conn){
		.tcp = tcp,
		.conn = conn,
		.v6 = !address_is_v4(&conn->key.guest),
	};
	emit_init(c);
}

static void refuse_syn(struct tcp *tcp, struct conn *conn, const struct packet *syn, int error)
{
	struct tcp_conn c;

	borrow(&c, tcp, conn);
	c.irs = packet_u32(syn->frame + syn->l4 + 4);
	c.rcv_nxt = c.irs + 1;
	refuse(&c, error);
	conn_close(tcp->env.conns, conn, tcp_now(tcp));
}

void tcp_refuse(struct tcp *tcp, struct conn *conn, const struct packet *syn, int error)
{
	refuse_syn(tcp, conn, syn, error);
}

void tcp_accept(struct tcp *tcp, struct conn *conn, const struct packet *syn, int fd)
{
	struct tcp_options options;
	struct tcp_conn *c;

	if (!take_charges(conn)) {
		close(fd);
		conn_count_drop(tcp, conn, drop_reason_no_room());
		refuse_syn(tcp, conn, syn, ECONNREFUSED);
		return;
	}
	c = conn_new(tcp, conn, fd);
	c->phase = PHASE_OPENING;
	sniff_begin(c);
	choose_iss(c);
	tcp_options_read(&options, syn);
	take_syn(c, syn, &options);
	conn_due(c);
}

/* --- inward --- */

void tcp_connect(struct tcp *tcp, struct conn *conn, int fd)
{
	struct tcp_conn *c;

	if (!take_charges(conn)) {
		socket_reset(fd);
		conn_count_drop(tcp, conn, drop_reason_no_room());
		conn_close(tcp->env.conns, conn, tcp_now(tcp));
		return;
	}
	c = conn_new(tcp, conn, fd);
	c->phase = PHASE_SYN_SENT;
	c->stamps = c->sack = true;
	c->rcv_shift = TCP_WINDOW_SHIFT;
	c->deadline = tcp_now(tcp) + TCP_CONNECT_TIMEOUT;
	choose_iss(c);
	conn_due(c);
}

/* --- the guest's segments --- */

/* RFC 9293 3.10.7.3 */
static bool input_syn_sent(struct tcp_conn *c, const struct packet *packet,
			   const struct tcp_options *options)
{
	uint32_t ack = packet_u32(packet->frame + packet->l4 + 8);
	uint8_t flags = packet->tcp_flags;
	bool is_ack = flags & TCP_FLAG_ACK, right = is_ack && ack == c->iss + 1;

	if (c->timer_kind == TIMER_NONE)
		return true; /* about an older connection: our SYN was not sent yet */
	if (is_ack && !right) {
		if (!(flags & TCP_FLAG_RST))
			emit_reset(c, ack, false);
		return true;
	}
	if (flags & TCP_FLAG_RST) {
		if (right) {
			end_reset(c, false, true);
			return false;
		}
		return true;
	}
	if (!(flags & TCP_FLAG_SYN))
		return true;
	take_syn(c, packet, options);
	c->rcv_edge = c->rcv_nxt + 65535; /* as our SYN said */
	c->need_ack = true;
	if (right) {
		handshake_done(c);
	} else { /* simultaneous open */
		c->phase = PHASE_SYN_RECEIVED;
		send_syn(c);
	}
	return true;
}

bool handshake_input(struct tcp_conn *c, const struct packet *packet,
		     const struct tcp_options *options)
{
	uint32_t seq = packet_u32(packet->frame + packet->l4 + 4);
	uint32_t ack = packet_u32(packet->frame + packet->l4 + 8);
	uint8_t flags = packet->tcp_flags;

	if (c->phase == PHASE_SYN_SENT)
		return input_syn_sent(c, packet, options);
	if (flags & TCP_FLAG_RST) {
		if (seq == c->rcv_nxt) {
			end_reset(c, false, true);
			return false;
		}
		return true;
	}
	if (c->phase == PHASE_OPENING) {
		/* The guest has restarted, and was not answered yet. */
		if (flags == TCP_FLAG_SYN && seq != c->irs)
			take_syn(c, packet, options);
		return true;
	}
	if (flags & TCP_FLAG_SYN && (seq != c->irs || !(flags & TCP_FLAG_ACK))) {
		if (seq == c->irs)
			send_syn(c);
		else
			c->need_ack = true; /* RFC 5961 4 */
		return true;
	}
	if (!(flags & TCP_FLAG_ACK))
		return true;
	if (ack != c->snd_nxt)
		emit_reset(c, ack, false);
	else
		handshake_done(c);
	return true;
}
