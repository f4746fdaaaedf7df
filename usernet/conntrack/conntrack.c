/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/conntrack.h"

#include "conntrack/denials.h"
#include "conntrack/destination.h"
#include "conntrack/hostaddr.h"
#include "conntrack/policy_table.h"
#include "net/network.h"
#include "net/user_config.h"
#include "packet/first_fragment.h"

/* libslirp's ends of flows that were cut, to be reset; what does not fit shows itself again. */
#define RESETS_MAX 1024

struct conntrack {
	struct network *network;
	const struct user_config *config;
	const struct conntrack_ops *ops;
	void *ops_data;
	struct flow_table *flows;
	struct policy_table *policy_table;
	struct denials denials;
	struct hostaddr *hostaddr;
	char *host_addresses; /* GRefString */
	struct flow_key resets[RESETS_MAX];
	unsigned n_resets;
	struct cut_fragments cut_fragments;
	unsigned n_cut; /* by the judgement that runs */
};

static usec_t now(const struct conntrack *conntrack)
{
	return loop_now(conntrack->network->loop);
}

static void pass(struct conntrack *conntrack, struct flow *flow, const struct packet *packet,
		 enum flow_way way)
{
	bool was_over = flow_is_over(flow);

	flow_pass(conntrack->flows, flow, packet, way, now(conntrack));
	if (!was_over && flow_is_over(flow))
		conntrack->ops->over(conntrack->ops_data, flow);
}

/* --- judging --- */

static bool is_gateway(const struct user_config *config, const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr) ? address_v4(addr).s_addr == config->host.s_addr
					  : IN6_ARE_ADDR_EQUAL(addr, &config->host6);
}

/* What scrub has let pass: the rest. */
static struct policy_table_verdict judge(struct conntrack *conntrack, mac_t mac,
					 const struct flow_key *key, bool count)
{
	struct policy_table_target target = {.proto = key->proto, .dst = key->peer};

	if (!conntrack->config->host_addresses && !is_gateway(conntrack->config, &key->peer) &&
	    hostaddr_is_own(conntrack->hostaddr, &key->peer))
		return (struct policy_table_verdict){false, conntrack->host_addresses};
	if (key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP)
		target.port = key->peer_port;
	return count ? policy_table_judge(conntrack->policy_table, mac, &target)
		     : policy_table_look(conntrack->policy_table, mac, &target);
}

/* May this guest open a flow of this key? Counts for no rule. */
static bool reaches(struct conntrack *conntrack, mac_t mac, const struct flow_key *key)
{
	bool v6 = !IN6_IS_ADDR_V4MAPPED(&key->guest);

	return destination_reaches(conntrack->config, v6, key->proto, &key->peer, key->peer_port) &&
	       judge(conntrack, mac, key, false).allow;
}

static void deny(struct conntrack *conntrack, const struct port *from, mac_t mac,
		 const struct packet *packet, const char *rule)
{
	bool has_port = packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP;

	denials_note(&conntrack->denials, from, mac,
		     (struct network_denial){
			     .proto = packet->proto,
			     .dst = packet->dst,
			     .port = has_port ? packet->dport : 0,
			     .rule = rule,
		     });
}

static bool scrub(struct conntrack *conntrack, const struct port *from, mac_t mac,
		  const struct packet *packet, enum drop_reason *why)
{
	if (destination_allows(conntrack->config, packet, why))
		return true;
	if (*why == DROP_POLICY)
		deny(conntrack, from, mac, packet,
		     is_gateway(conntrack->config, &packet->dst) ? "host-loopback" : "built-in");
	return false;
}

/* --- from the guest --- */

static void reset_later(struct conntrack *conntrack, const struct flow *flow)
{
	if (conntrack->n_resets == RESETS_MAX)
		return;
	conntrack->resets[conntrack->n_resets++] = flow->key;
	conntrack->ops->wake(conntrack->ops_data);
}

/*
 * The guest that opened @flow has gone, or its address to the one with @mac: what the one may, the
 * other need not. False: it may not, and the flow is cut.
 */
static bool inherits(struct conntrack *conntrack, const struct port *from, mac_t mac,
		     const struct packet *packet, struct flow *flow)
{
	struct policy_table_verdict verdict;

	if (flow->opener == FLOW_BY_FORWARD || flow->served || !flow->admitted ||
	    flow_is_closed(flow))
		return true;
	verdict = judge(conntrack, mac, &flow->key, true);
	if (verdict.allow) {
		flow_take_over(flow, mac);
		return true;
	}
	deny(conntrack, from, mac, packet, verdict.rule);
	flow_cut(conntrack->flows, flow, now(conntrack));
	if (packet->proto == IPPROTO_TCP)
		reset_later(conntrack, flow);
	return false;
}

/* @packet may open a flow: an admitted one, or @flow, which is not admitted yet. */
static bool open_flow(struct conntrack *conntrack, struct port *from, mac_t mac,
		      const struct packet *packet, const struct flow_key *key, struct flow *flow,
		      bool served, enum drop_reason *why)
{
	struct flow_origin origin = {
		.opener = FLOW_BY_GUEST, .mac = mac, .port_id = from->id, .served = served};

	if (!served) {
		struct policy_table_verdict verdict = judge(conntrack, mac, key, true);

		if (!verdict.allow) {
			deny(conntrack, from, mac, packet, verdict.rule);
			*why = DROP_POLICY;
			return false;
		}
		origin.rule = verdict.rule;
	}
	/* A datagram on a flow of the forward's is the guest's own; the forward's were not asked
	 * here. */
	if (flow && !flow_is_closed(flow) &&
	    (packet->proto == IPPROTO_TCP || flow->opener != FLOW_BY_FORWARD))
		flow_admit(conntrack->flows, flow, origin.rule, now(conntrack));
	else
		flow = flow_open(conntrack->flows, key, &origin, now(conntrack));
	if (!flow) {
		*why = DROP_BUDGET;
		return false;
	}
	pass(conntrack, flow, packet, FLOW_FROM_GUEST);
	return true;
}

/* The guest's flow, admitted before, goes on: a datagram, a ping, or its SYN once more. */
static bool goes_on(const struct flow *flow, const struct packet *packet)
{
	if (!flow || !flow->admitted)
		return false;
	return packet->proto != IPPROTO_TCP ||
	       (flow->opener == FLOW_BY_GUEST && flow->state == FLOW_SYN_SENT);
}

/* Something of what @flow's guest has said to its end, once more: libslirp was told to forget it
 * (nat_flow_over), and would answer with a reset. */
static bool says_again(const struct flow *flow, const struct packet *packet)
{
	uint32_t len = packet->len - packet->payload + !!(packet->tcp_flags & TCP_FLAG_FIN);
	uint32_t end = packet_u32(packet->frame + packet->l4 + 4) + len;

	return !(packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_RST)) && len > 0 &&
	       (int32_t)(flow->tcp.guest_fin - end) >= 0;
}

enum conntrack_answer conntrack_from_guest(struct conntrack *conntrack, struct port *from,
					   mac_t mac, const struct packet *packet, bool served,
					   enum drop_reason *why)
{
	bool opens = packet->proto != IPPROTO_TCP || flow_is_syn(packet);
	struct flow_key key;
	struct flow *flow;

	if (!flow_key_of(&key, packet, FLOW_FROM_GUEST))
		return scrub(conntrack, from, mac, packet, why) ? CONNTRACK_PASS : CONNTRACK_DROP;
	flow = flow_find(conntrack->flows, &key);
	if (flow && flow->mac != mac && !inherits(conntrack, from, mac, packet, flow)) {
		*why = DROP_POLICY;
		return CONNTRACK_DROP;
	}
	if (flow && flow_is_over(flow) && says_again(flow, packet)) {
		conntrack->ops->say_last(conntrack->ops_data, flow);
		return CONNTRACK_ANSWERED;
	}
	if (flow && flow->opener == FLOW_BY_FORWARD && flow->admitted && !flow_is_syn(packet))
		goto pass;
	if (!served && !scrub(conntrack, from, mac, packet, why))
		return CONNTRACK_DROP;
	if (!opens) {
		if (!flow)
			return CONNTRACK_PASS; /* libslirp knows none either, and answers with a
						  reset */
		if (!flow->cut)
			goto pass;
		*why = DROP_POLICY;
		return CONNTRACK_DROP;
	}
	if (!goes_on(flow, packet))
		return open_flow(conntrack, from, mac, packet, &key, flow, served, why)
			       ? CONNTRACK_PASS
			       : CONNTRACK_DROP;
pass:
	pass(conntrack, flow, packet, FLOW_FROM_GUEST);
	return CONNTRACK_PASS;
}

/* --- to the guest --- */

/* libslirp could not connect, and says so in an error of ICMP: the SYN it is about lies within. */
static void note_error(struct conntrack *conntrack, const struct packet *packet)
{
	const uint8_t *inner = packet->frame + packet->payload;
	uint32_t left = packet->len - packet->payload, header = packet->v6 ? 40 : 20;
	uint8_t unreachable = packet->v6 ? 1 : 3; /* RFC 4443 3.1, RFC 792 */
	struct flow_key key = {.proto = IPPROTO_TCP};
	struct flow *flow;

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
	flow = flow_find(conntrack->flows, &key);
	if (flow && flow->state == FLOW_SYN_SENT)
		flow_close(conntrack->flows, flow, now(conntrack));
}

static enum conntrack_answer pass_to_guest(struct conntrack *conntrack, struct flow *flow,
					   const struct packet *packet)
{
	bool is_reset = packet->proto == IPPROTO_TCP && packet->tcp_flags & TCP_FLAG_RST;

	if (!flow->cut) {
		pass(conntrack, flow, packet, FLOW_TO_GUEST);
		return CONNTRACK_PASS;
	}
	/* libslirp has not taken it in yet: it was still connecting. */
	if (packet->proto == IPPROTO_TCP && !is_reset)
		reset_later(conntrack, flow);
	return CONNTRACK_DROP;
}

static enum conntrack_answer ask_to_guest(struct conntrack *conntrack, const struct packet *packet)
{
	bool is_tcp = packet->proto == IPPROTO_TCP, is_udp = packet->proto == IPPROTO_UDP;
	struct flow_key key;
	struct flow *flow;

	if (!flow_key_of(&key, packet, FLOW_TO_GUEST)) {
		if (packet->proto == IPPROTO_ICMP || packet->proto == IPPROTO_ICMPV6)
			note_error(conntrack, packet);
		return CONNTRACK_PASS;
	}
	flow = flow_find(conntrack->flows, &key);
	if (flow && !(flow_is_syn(packet) && flow_is_closed(flow)))
		return pass_to_guest(conntrack, flow, packet);
	/* A reset answers what is no connection; an echo comes late. */
	if ((is_tcp && packet->tcp_flags & TCP_FLAG_RST) || (!is_tcp && !is_udp))
		return CONNTRACK_PASS;
	return CONNTRACK_OPENS;
}

static enum conntrack_answer open_to_guest(struct conntrack *conntrack, const struct packet *packet,
					   const struct flow_origin *origin)
{
	struct flow_origin adopted = *origin;
	struct flow_key key;
	struct flow *flow;
	bool allowed;

	if (!flow_key_of(&key, packet, FLOW_TO_GUEST))
		return CONNTRACK_PASS;
	/* A connection that libslirp holds and we do not know, so not one that begins: the guest's,
	 * as far as anybody can tell. */
	if (packet->proto == IPPROTO_TCP && origin->opener == FLOW_BY_PEER)
		adopted.opener = FLOW_BY_GUEST;
	allowed = origin->opener == FLOW_BY_FORWARD || reaches(conntrack, origin->mac, &key);
	flow = flow_open(conntrack->flows, &key, &adopted, now(conntrack));
	if (!flow)
		return CONNTRACK_DROP;
	/* Whom the guest may not ask does not come in by a port that it opened for others. */
	if (!allowed)
		flow_cut(conntrack->flows, flow, now(conntrack));
	return pass_to_guest(conntrack, flow, packet);
}

/* What becomes of the first fragment becomes of the rest. */
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
					      const struct flow_origin *origin)
{
	struct packet first;

	if (!packet->fragment)
		return open_to_guest(conntrack, packet, origin);
	if (cut_fragments_is_first(packet, &first))
		return keep(conntrack, packet, open_to_guest(conntrack, &first, origin));
	return CONNTRACK_PASS;
}

/* --- what changes --- */

void conntrack_run(struct conntrack *conntrack)
{
	unsigned n = conntrack->n_resets;

	conntrack->n_resets = 0; /* a reset may lead to others, in the next turn */
	for (unsigned i = 0; i < n; i++) {
		struct flow_key key = conntrack->resets[i];
		const struct flow *flow = flow_find(conntrack->flows, &key);

		if (flow && flow->cut)
			conntrack->ops->reset(conntrack->ops_data, flow, FLOW_FROM_GUEST);
	}
}

static void rejudge(void *data, struct flow *flow)
{
	struct conntrack *conntrack = data;
	bool over = flow_is_closed(flow);

	/* What the guest says is over libslirp need not have believed: it is made sure of. */
	if (flow->opener == FLOW_BY_FORWARD || flow->served || flow->cut ||
	    reaches(conntrack, flow->mac, &flow->key))
		return;
	if (flow->key.proto == IPPROTO_TCP) {
		if (!over)
			conntrack->ops->reset(conntrack->ops_data, flow, FLOW_TO_GUEST);
		conntrack->ops->reset(conntrack->ops_data, flow, FLOW_FROM_GUEST);
	}
	flow_cut(conntrack->flows, flow, now(conntrack));
	conntrack->n_cut += !over;
}

unsigned conntrack_rejudge(struct conntrack *conntrack)
{
	conntrack->n_cut = 0;
	flow_foreach(conntrack->flows, rejudge, conntrack);
	return conntrack->n_cut;
}

void conntrack_port_gone(struct conntrack *conntrack, const struct port *port)
{
	denials_forget_port(&conntrack->denials, port);
}

/* --- the whole --- */

bool conntrack_knows_host_addresses(const struct conntrack *conntrack)
{
	return conntrack->hostaddr != NULL;
}

struct flow_table *conntrack_flows(struct conntrack *conntrack)
{
	return conntrack->flows;
}

struct policy_table *conntrack_egress(struct conntrack *conntrack)
{
	return conntrack->policy_table;
}

uint64_t conntrack_n_denied(const struct conntrack *conntrack)
{
	return conntrack->denials.n;
}

struct conntrack *conntrack_new(struct network *network, const struct user_config *config,
				const struct conntrack_ops *ops, void *data, GError **error)
{
	/* Opened now, for it may be asked for when nothing can be opened any more. */
	struct hostaddr *hostaddr = hostaddr_new(config->host_addresses ? NULL : error);
	struct conntrack *conntrack;

	if (!hostaddr && !config->host_addresses)
		return NULL;
	conntrack = g_new0(struct conntrack, 1);
	conntrack->network = network;
	conntrack->config = config;
	conntrack->ops = ops;
	conntrack->ops_data = data;
	conntrack->flows = flow_table_new(network->loop);
	conntrack->policy_table = policy_table_new(network, config->restricted);
	denials_init(&conntrack->denials, network);
	conntrack->hostaddr = hostaddr;
	conntrack->host_addresses = g_ref_string_new("host-addresses=off");
	return conntrack;
}

void conntrack_free(struct conntrack *conntrack)
{
	flow_table_free(conntrack->flows);
	policy_table_free(conntrack->policy_table);
	denials_fini(&conntrack->denials);
	hostaddr_free(conntrack->hostaddr);
	g_ref_string_release(conntrack->host_addresses);
	g_free(conntrack);
}
