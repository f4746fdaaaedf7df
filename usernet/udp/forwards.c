/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"
#include "packet/udp.h"
#include "udp/forward_priv.h"

/* --- guests come, answer and leave --- */

void udp_forwards_found(struct udp_forwards *forwards, const struct in6_addr *addr, mac_t mac)
{
	struct udp_target *target = g_hash_table_lookup(forwards->targets, addr);

	if (!target)
		return;
	target->mac = mac;
	target->heard = udp_forwards_now(forwards);
	/*
	 * Cheap when nothing is held: a range is many forwards, and a guest may come and go
	 * often.
	 */
	if (list_empty(&forwards->hold.all))
		return;
	list_for_each (forward, &target->forwards, struct udp_forward, target_link)
		udp_forward_deliver_held(forward);
}

void udp_forwards_guest_gone(struct udp_forwards *forwards, const struct in6_addr *addr)
{
	struct udp_target *target = g_hash_table_lookup(forwards->targets, addr);

	if (!target)
		return;
	target->asked = 0;
	target->mac = 0;
	list_for_each (forward, &target->forwards, struct udp_forward, target_link)
		udp_session_list_clear(forwards->sessions, &forward->sessions);
}

struct udp_session *udp_forwards_match(struct udp_forwards *forwards, const struct packet *packet)
{
	const struct udp_flow flow = {
		.guest = packet->src,
		.peer = packet->dst,
		.guest_port = packet->sport,
		.peer_port = packet->dport,
	};

	if (packet->proto != IPPROTO_UDP || !udp_forwards_n_sessions(forwards))
		return NULL;
	return udp_session_by_flow(forwards->sessions, &flow);
}

void udp_forwards_answer(struct udp_forwards *forwards, struct udp_session *session,
			 struct port *port, mac_t mac, const struct packet *packet)
{
	struct udp_forward *forward = container_of(session->owner, struct udp_forward, sessions);
	const struct conn_key key = udp_forward_flow(session);
	struct udp_out out;

	if (session->mac != mac) {
		port_drop(port, DROP_SPOOFED, 1);
		return;
	}
	/* The host's kernel computes a new checksum, so drop a datagram whose checksum is wrong. */
	if (!udp_is_intact(packet)) {
		port_drop(port, DROP_MALFORMED, 1);
		return;
	}
	out = (struct udp_out){
		.frame = packet->frame,
		.frame_len = packet->len,
		.data = packet->frame + packet->payload,
		.len = packet->len - packet->payload,
		.peer = session->client.addr,
		.local = session->client.local,
		.scope = session->client.scope,
		.port = session->client.port,
		.next = UDP_OUT_NONE,
		.ttl = forward->host.ttl,
		.tos = packet_tos(packet),
		.dont_fragment = forward->host.dont_fragment,
	};
	udp_queue(&forward->host, &out);
	udp_session_use(forwards->sessions, session, udp_forwards_now(forwards));
	conn_seen_from_guest(forwards->udp->env.conns, &key, out.len, udp_forwards_now(forwards));
}

unsigned udp_forwards_n_sessions(const struct udp_forwards *forwards)
{
	return udp_sessions_count(forwards->sessions);
}

/* --- time --- */

static void on_expire(struct loop_timer *timer)
{
	struct udp_forwards *forwards = container_of(timer, struct udp_forwards, expire);
	usec_t next = udp_sessions_expire(forwards->sessions, udp_forwards_now(forwards));

	if (next)
		loop_timer_set(timer, next);
}

static void on_give_up(struct loop_timer *timer)
{
	struct udp_forwards *forwards = container_of(timer, struct udp_forwards, give_up);
	usec_t next;

	port_drop(forwards->udp->env.outbox->port, DROP_NO_RECEIVER,
		  udp_hold_expire(&forwards->hold, udp_forwards_now(forwards), &next));
	if (next)
		loop_timer_set(timer, next);
}

/* --- the whole --- */

static void on_session_ended(void *data, const struct udp_session *session)
{
	struct udp_forwards *forwards = data;
	const struct conn_key key = udp_forward_flow(session);
	struct conn *flow = conn_find(forwards->udp->env.conns, &key);

	if (flow && flow->opener == CONN_BY_FORWARD)
		conn_end(forwards->udp->env.conns, flow);
}

struct udp_forwards *udp_forwards_new(struct udp *udp, struct neighbours *neighbours)
{
	struct loop *loop = udp->env.network->loop;
	struct udp_forwards *forwards = g_new0(struct udp_forwards, 1);

	forwards->udp = udp;
	forwards->charge = charge_get(udp->env.charges, 0);
	forwards->neighbours = neighbours;
	forwards->sessions = udp_sessions_new(UDP_SESSIONS_MAX, UDP_SESSIONS_MAX_PER_RULE,
					      on_session_ended, forwards);
	udp_hold_init(&forwards->hold);
	forwards->targets = g_hash_table_new(address_hash, address_equal);
	loop_timer_init(loop, &forwards->expire, on_expire);
	loop_timer_init(loop, &forwards->give_up, on_give_up);
	return forwards;
}

static struct udp_target *any_target(struct udp_forwards *forwards)
{
	GHashTableIter iter;
	gpointer target = NULL;

	g_hash_table_iter_init(&iter, forwards->targets);
	return g_hash_table_iter_next(&iter, NULL, &target) ? target : NULL;
}

void udp_forwards_free(struct udp_forwards *forwards)
{
	struct udp_target *target;

	while ((target = any_target(forwards)))
		udp_forward_remove(list_first(&target->forwards, struct udp_forward, target_link));
	loop_timer_cancel(&forwards->expire);
	loop_timer_cancel(&forwards->give_up);
	udp_sessions_free(forwards->sessions);
	charge_put(forwards->charge);
	g_hash_table_destroy(forwards->targets);
	g_free(forwards);
}
