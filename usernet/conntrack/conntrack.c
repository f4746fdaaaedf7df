/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/conntrack.h"

#include "conntrack/judge.h"
#include "net/network.h"
#include "net/port.h"
#include "net/user_config.h"
#include "packet/first_fragment.h"
#include "policy/hostaddr.h"

/*
 * Bound on cut conns waiting to be reset because of a packet; others are reset at their next
 * packet.
 */
#define RESETS_MAX 1024

struct conntrack {
	struct network *network;
	const struct user_config *config;
	struct loop_task *service;
	struct conn_table *conns;
	struct judge judge;
	GArray *resets; /* struct conn_key */
	struct cut_fragments cut_fragments;
	unsigned n_cut; /* by the rejudging under way */
};

static usec_t now(const struct conntrack *conntrack)
{
	return loop_now(conntrack->network->loop);
}

/* Counts @packet, unless a fast path holds @conn: it counts its own. */
static void pass(struct conntrack *conntrack, struct conn *conn, const struct packet *packet,
		 enum conn_way way)
{
	if (!conn->ops && !conntrack->config->offload)
		conn_pass(conntrack->conns, conn, packet, way, now(conntrack));
}

/* --- from the guest --- */

static void reset_later(struct conntrack *conntrack, const struct conn *conn)
{
	g_array_append_val(conntrack->resets, conn->key);
	loop_task_defer(conntrack->service);
}

/* As reset_later(), because of a packet: bounded. */
static void reset_for_packet(struct conntrack *conntrack, const struct conn *conn)
{
	if (conntrack->resets->len < RESETS_MAX)
		reset_later(conntrack, conn);
}

/*
 * The guest that opened @conn has left, or its address belongs to the guest with @mac now, to whom
 * the old verdict does not apply. False: the new one is denied, and the conn is cut.
 */
static bool inherits(struct conntrack *conntrack, const struct port *from, mac_t mac,
		     const struct packet *packet, struct conn *conn)
{
	struct policy_table_verdict verdict;

	if (conn->mac == mac || conn->opener == CONN_BY_FORWARD || conn->served ||
	    !conn->admitted || conn_is_closed(conn))
		return true;
	verdict = judge_conn(&conntrack->judge, mac, &conn->key, NULL, NULL);
	if (verdict.decided)
		policy_hit(verdict.decided);
	if (verdict.allow && !verdict.sni && !verdict.host)
		return true;
	judge_deny(&conntrack->judge, from, mac, packet, verdict.rule, verdict.name);
	conn_cut(conntrack->conns, conn, now(conntrack));
	reset_for_packet(conntrack, conn);
	return false;
}

/* @packet may open a conn: a new one, or @conn that is not admitted yet. */
static struct conn *open_conn(struct conntrack *conntrack, struct port *from, mac_t mac,
			      const struct packet *packet, const struct conn_key *key,
			      struct conn *conn, bool served, enum drop_reason *why)
{
	struct conn_origin origin = {
		.opener = CONN_BY_GUEST, .mac = mac, .port_id = from->id, .served = served};

	if (!served) {
		struct policy_table_verdict verdict =
			judge_conn(&conntrack->judge, mac, key, NULL, NULL);

		if (!verdict.allow) {
			if (verdict.decided)
				policy_hit(verdict.decided);
			judge_deny(&conntrack->judge, from, mac, packet, verdict.rule,
				   verdict.name);
			*why = DROP_POLICY;
			return NULL;
		}
		judge_allowed(&conntrack->judge, from, mac, key, &verdict);
		origin.rule = verdict.rule;
		origin.name = verdict.name;
		origin.sni = verdict.sni;
		origin.host = verdict.host;
	}
	/*
	 * The forward's datagrams were admitted by the rule, not by policy: a guest's own datagram
	 * on such a conn is judged here.
	 */
	if (conn && !conn_is_closed(conn) &&
	    (packet->proto == IPPROTO_TCP || conn->opener != CONN_BY_FORWARD)) {
		conn_admit(conntrack->conns, conn, origin.rule, now(conntrack));
		conn_name(conn, origin.name, origin.sni, origin.host);
	} else {
		conn = conn_open(conntrack->conns, key, &origin, now(conntrack));
	}
	if (!conn)
		*why = drop_reason_no_room();
	return conn;
}

/* Does @packet continue an admitted conn: a datagram, a ping, or a repeated SYN? */
static bool goes_on(const struct conn *conn, const struct packet *packet)
{
	if (!conn || !conn->admitted)
		return false;
	return packet->proto != IPPROTO_TCP ||
	       (conn->opener == CONN_BY_GUEST && conn->state == CONN_SYN_SENT);
}

/* Does this retransmit data or a FIN that was acknowledged, on a conn that is over? */
static bool says_again(const struct conn *conn, const struct packet *packet)
{
	uint32_t len = packet->len - packet->payload + !!(packet->tcp_flags & TCP_FLAG_FIN);
	uint32_t end = packet_u32(packet->frame + packet->l4 + 4) + len;

	return conn->ends.guest_ended && conn->ends.peer_ended && !conn->ends.reset &&
	       !(packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_RST)) && len > 0 &&
	       (int32_t)(conn->ends.guest_fin - end) >= 0;
}

enum conntrack_answer conntrack_from_guest(struct conntrack *conntrack, struct port *from,
					   mac_t mac, const struct packet *packet, bool served,
					   struct conn **in_out, enum drop_reason *why)
{
	bool opens = packet->proto != IPPROTO_TCP || conn_is_syn(packet);
	struct conn *conn = *in_out;
	struct conn_key key;

	if (!conn_key_of(&key, packet, CONN_FROM_GUEST))
		return judge_may_go_to(&conntrack->judge, from, mac, packet, why) ? CONNTRACK_PASS
										  : CONNTRACK_DROP;
	if (conn && !inherits(conntrack, from, mac, packet, conn)) {
		*why = DROP_POLICY;
		return CONNTRACK_DROP;
	}
	if (conn && (conn->mac != mac || conn->port_id != from->id))
		conn_move(conntrack->conns, conn, mac, from->id);
	if (conn && packet->proto == IPPROTO_TCP && !conn->ops && conn_is_closed(conn) &&
	    says_again(conn, packet))
		return CONNTRACK_LAST_ACK;
	if (conn && conn->opener == CONN_BY_FORWARD && conn->admitted && !conn_is_syn(packet))
		goto pass;
	if (!served && !judge_may_go_to(&conntrack->judge, from, mac, packet, why))
		return CONNTRACK_DROP;
	if (!opens) {
		if (!conn)
			return CONNTRACK_PASS; /* no conn: a reset will answer it */
		if (!conn->cut)
			goto pass;
		*why = DROP_POLICY;
		return CONNTRACK_DROP;
	}
	if (!goes_on(conn, packet)) {
		conn = open_conn(conntrack, from, mac, packet, &key, conn, served, why);
		if (!conn)
			return CONNTRACK_DROP;
		*in_out = conn;
	}
pass:
	pass(conntrack, conn, packet, CONN_FROM_GUEST);
	return CONNTRACK_PASS;
}

/* --- to the guest --- */

/* libslirp could not connect and sends an ICMP error, which quotes the SYN. */
static void note_error(struct conntrack *conntrack, const struct packet *packet)
{
	const uint8_t *inner = packet->frame + packet->payload;
	uint32_t left = packet->len - packet->payload, header = packet->v6 ? 40 : 20;
	uint8_t unreachable = packet->v6 ? 1 : 3; /* RFC 4443 3.1, RFC 792 */
	struct conn_key key = {.proto = IPPROTO_TCP};
	struct conn *conn;

	if (ICMP_TYPE(packet) != unreachable || left < header + 4 ||
	    inner[packet->v6 ? 6 : 9] != IPPROTO_TCP)
		return;
	if (packet->v6) {
		memcpy(&key.guest, inner + 8, 16);
		memcpy(&key.peer, inner + 24, 16);
	} else {
		uint32_t src, dst;

		memcpy(&src, inner + 12, 4);
		memcpy(&dst, inner + 16, 4);
		key.guest = address_map4(src);
		key.peer = address_map4(dst);
	}
	key.guest_port = packet_u16(inner + header);
	key.peer_port = packet_u16(inner + header + 2);
	conn = conn_find(conntrack->conns, &key);
	if (conn && conn->state == CONN_SYN_SENT)
		conn_close(conntrack->conns, conn, now(conntrack));
}

static enum conntrack_answer pass_to_guest(struct conntrack *conntrack, struct conn *conn,
					   const struct packet *packet)
{
	bool is_reset = packet->proto == IPPROTO_TCP && packet->tcp_flags & TCP_FLAG_RST;

	if (!conn->cut) {
		pass(conntrack, conn, packet, CONN_TO_GUEST);
		return CONNTRACK_PASS;
	}
	/* libslirp was still connecting: it has not processed the reset. */
	if (packet->proto == IPPROTO_TCP && !is_reset)
		reset_for_packet(conntrack, conn);
	return CONNTRACK_DROP;
}

static enum conntrack_answer ask_to_guest(struct conntrack *conntrack, const struct packet *packet)
{
	bool is_tcp = packet->proto == IPPROTO_TCP, is_udp = packet->proto == IPPROTO_UDP;
	struct conn_key key;
	struct conn *conn;

	if (!conn_key_of(&key, packet, CONN_TO_GUEST)) {
		if (packet->proto == IPPROTO_ICMP || packet->proto == IPPROTO_ICMPV6)
			note_error(conntrack, packet);
		return CONNTRACK_PASS;
	}
	conn = conn_find(conntrack->conns, &key);
	if (conn && !(conn_is_syn(packet) && conn_is_closed(conn)))
		return pass_to_guest(conntrack, conn, packet);
	/* A reset may answer a segment of no connection; an echo reply may be late. */
	if ((is_tcp && packet->tcp_flags & TCP_FLAG_RST) || (!is_tcp && !is_udp))
		return CONNTRACK_PASS;
	return CONNTRACK_OPENS;
}

static enum conntrack_answer open_to_guest(struct conntrack *conntrack, const struct packet *packet,
					   const struct conn_origin *origin)
{
	struct conn_origin adopted = *origin;
	struct conn_key key;
	struct conn *conn;
	bool allowed;

	if (!conn_key_of(&key, packet, CONN_TO_GUEST))
		return CONNTRACK_PASS;
	/*
	 * libslirp has a connection that we do not know, so it is not new: assume that the guest
	 * opened it.
	 */
	if (packet->proto == IPPROTO_TCP && origin->opener == CONN_BY_PEER)
		adopted.opener = CONN_BY_GUEST;
	allowed = origin->opener == CONN_BY_FORWARD ||
		  judge_reaches(&conntrack->judge, origin->mac, &key, NULL);
	conn = conn_open(conntrack->conns, &key, &adopted, now(conntrack));
	if (!conn)
		return CONNTRACK_DROP;
	/*
	 * A peer that the guest may not contact must not reach it through a port opened for
	 * others.
	 */
	if (!allowed)
		conn_cut(conntrack->conns, conn, now(conntrack));
	return pass_to_guest(conntrack, conn, packet);
}

/* The rest of the fragments get the verdict of the first. */
static enum conntrack_answer keep(struct conntrack *conntrack, const struct packet *first,
				  enum conntrack_answer answer)
{
	if (answer == CONNTRACK_DROP)
		cut_fragments_add(&conntrack->cut_fragments, first);
	return answer;
}

enum conntrack_answer conntrack_to_guest(struct conntrack *conntrack, const struct packet *packet)
{
	struct packet first;

	if (!packet->fragment)
		return ask_to_guest(conntrack, packet);
	if (cut_fragments_is_first(packet, &first))
		return keep(conntrack, packet, ask_to_guest(conntrack, &first));
	return cut_fragments_has(&conntrack->cut_fragments, packet) ? CONNTRACK_DROP
								    : CONNTRACK_PASS;
}

enum conntrack_answer conntrack_open_to_guest(struct conntrack *conntrack,
					      const struct packet *packet,
					      const struct conn_origin *origin)
{
	struct packet first;

	if (!packet->fragment)
		return open_to_guest(conntrack, packet, origin);
	if (cut_fragments_is_first(packet, &first))
		return keep(conntrack, packet, open_to_guest(conntrack, &first, origin));
	return CONNTRACK_PASS;
}

/* --- what changes --- */

struct conn *conntrack_next_reset(struct conntrack *conntrack)
{
	while (conntrack->resets->len > 0) {
		guint last = conntrack->resets->len - 1;
		struct conn_key key = g_array_index(conntrack->resets, struct conn_key, last);
		struct conn *conn = conn_find(conntrack->conns, &key);

		g_array_set_size(conntrack->resets, last);
		if (conn && conn->cut)
			return conn;
	}
	return NULL;
}

static void rejudge(void *data, struct conn *conn)
{
	struct conntrack *conntrack = data;
	bool over = conn_is_closed(conn);

	/* libslirp may have ignored the close; reset it too. */
	if (conn->opener == CONN_BY_FORWARD || conn->served || conn->cut ||
	    judge_reaches(&conntrack->judge, conn->mac, &conn->key, conn->name))
		return;
	conn_cut(conntrack->conns, conn, now(conntrack));
	reset_later(conntrack, conn);
	conntrack->n_cut += !over;
}

unsigned conntrack_rejudge(struct conntrack *conntrack)
{
	conntrack->n_cut = 0;
	conn_foreach(conntrack->conns, rejudge, conntrack);
	return conntrack->n_cut;
}

void conntrack_port_gone(struct conntrack *conntrack, const struct port *port)
{
	denials_forget_port(&conntrack->judge.denials, port);
}

/* --- the whole --- */

bool conntrack_knows_host_addresses(const struct conntrack *conntrack)
{
	return conntrack->judge.hostaddr != NULL;
}

bool conntrack_is_host_address(struct conntrack *conntrack, const struct in6_addr *addr)
{
	return !conntrack->judge.hostaddr || hostaddr_is_own(conntrack->judge.hostaddr, addr);
}

struct conn_table *conntrack_conns(struct conntrack *conntrack)
{
	return conntrack->conns;
}

struct judge *conntrack_judge(struct conntrack *conntrack)
{
	return &conntrack->judge;
}

struct policy_table *conntrack_egress(struct conntrack *conntrack)
{
	return conntrack->judge.policy_table;
}

uint64_t conntrack_n_denied(const struct conntrack *conntrack)
{
	return conntrack->judge.denials.n;
}

struct conntrack *conntrack_new(struct network *network, const struct user_config *config,
				struct charge_book *charges, struct loop_task *service,
				GError **error)
{
	struct conntrack *conntrack = g_new0(struct conntrack, 1);

	if (!judge_init(&conntrack->judge, network, config, error)) {
		g_free(conntrack);
		return NULL;
	}
	conntrack->network = network;
	conntrack->config = config;
	conntrack->service = service;
	conntrack->resets = g_array_new(FALSE, FALSE, sizeof(struct conn_key));
	conntrack->conns = conn_table_new(network->loop, charges);
	return conntrack;
}

void conntrack_free(struct conntrack *conntrack)
{
	conn_table_free(conntrack->conns);
	judge_fini(&conntrack->judge);
	g_array_unref(conntrack->resets);
	g_free(conntrack);
}
