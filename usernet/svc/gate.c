/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/gate.h"

#include "net/network.h"
#include "svc/cut_fragments.h"
#include "svc/denials.h"
#include "svc/egress.h"
#include "svc/user_config.h"
#include "svc/hostaddr.h"
#include "svc/scrub.h"

/* libslirp's ends of flows that were cut, to be reset; what does not fit shows itself again. */
#define RESETS_MAX 1024

struct gate {
	struct network *network;
	const struct user_config *config;
	const struct gate_ops *ops;
	void *ops_data;
	struct flow_table *flows;
	struct egress *egress;
	struct denials denials;
	struct hostaddr *hostaddr;
	char *host_addresses; /* GRefString */
	struct flow_key resets[RESETS_MAX];
	unsigned n_resets;
	struct cut_fragments cut_fragments;
	unsigned n_cut; /* by the judgement that runs */
};

static usec_t now(const struct gate *gate)
{
	return loop_now(gate->network->loop);
}

static void pass(struct gate *gate, struct flow *flow, const struct packet *packet,
		 enum flow_way way)
{
	bool was_over = flow_is_over(flow);

	flow_pass(gate->flows, flow, packet, way, now(gate));
	if (!was_over && flow_is_over(flow))
		gate->ops->over(gate->ops_data, flow);
}

/* --- judging --- */

static bool is_gateway(const struct user_config *config, const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr) ? packet_v4(addr).s_addr == config->host.s_addr
					  : IN6_ARE_ADDR_EQUAL(addr, &config->host6);
}

/* What scrub has let pass: the rest. */
static struct egress_verdict judge(struct gate *gate, mac_t mac, const struct flow_key *key,
				   bool count)
{
	struct egress_target target = {.proto = key->proto, .dst = key->peer};

	if (!gate->config->host_addresses && !is_gateway(gate->config, &key->peer) &&
	    hostaddr_is_own(gate->hostaddr, &key->peer))
		return (struct egress_verdict){false, gate->host_addresses};
	if (key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP)
		target.port = key->peer_port;
	return count ? egress_judge(gate->egress, mac, &target)
		     : egress_look(gate->egress, mac, &target);
}

/* May this guest open a flow of this key? Counts for no rule. */
static bool reaches(struct gate *gate, mac_t mac, const struct flow_key *key)
{
	bool v6 = !IN6_IS_ADDR_V4MAPPED(&key->guest);

	return scrub_reaches(gate->config, v6, key->proto, &key->peer, key->peer_port) &&
	       judge(gate, mac, key, false).allow;
}

static void deny(struct gate *gate, const struct port *from, mac_t mac, const struct packet *packet,
		 const char *rule)
{
	bool has_port = packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP;

	denials_note(&gate->denials, from, mac,
		     (struct network_denial){
			     .proto = packet->proto,
			     .dst = packet->dst,
			     .port = has_port ? packet->dport : 0,
			     .rule = rule,
		     });
}

static bool scrub(struct gate *gate, const struct port *from, mac_t mac,
		  const struct packet *packet, enum drop_reason *why)
{
	if (scrub_allows(gate->config, packet, why))
		return true;
	if (*why == DROP_POLICY)
		deny(gate, from, mac, packet,
		     is_gateway(gate->config, &packet->dst) ? "host-loopback" : "built-in");
	return false;
}

/* --- from the guest --- */

static void reset_later(struct gate *gate, const struct flow *flow)
{
	if (gate->n_resets == RESETS_MAX)
		return;
	gate->resets[gate->n_resets++] = flow->key;
	gate->ops->wake(gate->ops_data);
}

/*
 * The guest that opened @flow has gone, or its address to the one with @mac: what the one may, the
 * other need not. False: it may not, and the flow is cut.
 */
static bool inherits(struct gate *gate, const struct port *from, mac_t mac,
		     const struct packet *packet, struct flow *flow)
{
	struct egress_verdict verdict;

	if (flow->opener == FLOW_BY_FORWARD || flow->served || !flow->admitted ||
	    flow_is_closed(flow))
		return true;
	verdict = judge(gate, mac, &flow->key, true);
	if (verdict.allow) {
		flow_take_over(flow, mac);
		return true;
	}
	deny(gate, from, mac, packet, verdict.rule);
	flow_cut(gate->flows, flow, now(gate));
	if (packet->proto == IPPROTO_TCP)
		reset_later(gate, flow);
	return false;
}

/* @packet may open a flow: an admitted one, or @flow, which is not admitted yet. */
static bool open_flow(struct gate *gate, struct port *from, mac_t mac, const struct packet *packet,
		      const struct flow_key *key, struct flow *flow, bool served,
		      enum drop_reason *why)
{
	struct flow_origin origin = {
		.opener = FLOW_BY_GUEST, .mac = mac, .port_id = from->id, .served = served};

	if (!served) {
		struct egress_verdict verdict = judge(gate, mac, key, true);

		if (!verdict.allow) {
			deny(gate, from, mac, packet, verdict.rule);
			*why = DROP_POLICY;
			return false;
		}
		origin.rule = verdict.rule;
	}
	/* A datagram on a flow of the forward's is the guest's own; the forward's were not asked
	 * here. */
	if (flow && !flow_is_closed(flow) &&
	    (packet->proto == IPPROTO_TCP || flow->opener != FLOW_BY_FORWARD))
		flow_admit(gate->flows, flow, origin.rule, now(gate));
	else
		flow = flow_open(gate->flows, key, &origin, now(gate));
	if (!flow) {
		*why = DROP_BUDGET;
		return false;
	}
	pass(gate, flow, packet, FLOW_FROM_GUEST);
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

enum gate_answer gate_from_guest(struct gate *gate, struct port *from, mac_t mac,
				 const struct packet *packet, bool served, enum drop_reason *why)
{
	bool opens = packet->proto != IPPROTO_TCP || flow_is_syn(packet);
	struct flow_key key;
	struct flow *flow;

	if (!flow_key_of(&key, packet, FLOW_FROM_GUEST))
		return scrub(gate, from, mac, packet, why) ? GATE_PASS : GATE_DROP;
	flow = flow_find(gate->flows, &key);
	if (flow && flow->mac != mac && !inherits(gate, from, mac, packet, flow)) {
		*why = DROP_POLICY;
		return GATE_DROP;
	}
	if (flow && flow_is_over(flow) && says_again(flow, packet)) {
		gate->ops->say_last(gate->ops_data, flow);
		return GATE_ANSWERED;
	}
	if (flow && flow->opener == FLOW_BY_FORWARD && flow->admitted && !flow_is_syn(packet))
		goto pass;
	if (!served && !scrub(gate, from, mac, packet, why))
		return GATE_DROP;
	if (!opens) {
		if (!flow)
			return GATE_PASS; /* libslirp knows none either, and answers with a reset */
		if (!flow->cut)
			goto pass;
		*why = DROP_POLICY;
		return GATE_DROP;
	}
	if (!goes_on(flow, packet))
		return open_flow(gate, from, mac, packet, &key, flow, served, why) ? GATE_PASS
										   : GATE_DROP;
pass:
	pass(gate, flow, packet, FLOW_FROM_GUEST);
	return GATE_PASS;
}

/* --- to the guest --- */

/* libslirp could not connect, and says so in an error of ICMP: the SYN it is about lies within. */
static void note_error(struct gate *gate, const struct packet *packet)
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
		key.guest = packet_map4(src);
		key.peer = packet_map4(dst);
	}
	key.guest_port = packet_u16(inner + header);
	key.peer_port = packet_u16(inner + header + 2);
	flow = flow_find(gate->flows, &key);
	if (flow && flow->state == FLOW_SYN_SENT)
		flow_close(gate->flows, flow, now(gate));
}

static enum gate_answer pass_to_guest(struct gate *gate, struct flow *flow,
				      const struct packet *packet)
{
	bool is_reset = packet->proto == IPPROTO_TCP && packet->tcp_flags & TCP_FLAG_RST;

	if (!flow->cut) {
		pass(gate, flow, packet, FLOW_TO_GUEST);
		return GATE_PASS;
	}
	/* libslirp has not taken it in yet: it was still connecting. */
	if (packet->proto == IPPROTO_TCP && !is_reset)
		reset_later(gate, flow);
	return GATE_DROP;
}

static enum gate_answer ask_to_guest(struct gate *gate, const struct packet *packet)
{
	bool is_tcp = packet->proto == IPPROTO_TCP, is_udp = packet->proto == IPPROTO_UDP;
	struct flow_key key;
	struct flow *flow;

	if (!flow_key_of(&key, packet, FLOW_TO_GUEST)) {
		if (packet->proto == IPPROTO_ICMP || packet->proto == IPPROTO_ICMPV6)
			note_error(gate, packet);
		return GATE_PASS;
	}
	flow = flow_find(gate->flows, &key);
	if (flow && !(flow_is_syn(packet) && flow_is_closed(flow)))
		return pass_to_guest(gate, flow, packet);
	/* A reset answers what is no connection; an echo comes late. */
	if ((is_tcp && packet->tcp_flags & TCP_FLAG_RST) || (!is_tcp && !is_udp))
		return GATE_PASS;
	return GATE_OPENS;
}

static enum gate_answer open_to_guest(struct gate *gate, const struct packet *packet,
				      const struct flow_origin *origin)
{
	struct flow_origin adopted = *origin;
	struct flow_key key;
	struct flow *flow;
	bool allowed;

	if (!flow_key_of(&key, packet, FLOW_TO_GUEST))
		return GATE_PASS;
	/* A connection that libslirp holds and we do not know, so not one that begins: the guest's,
	 * as far as anybody can tell. */
	if (packet->proto == IPPROTO_TCP && origin->opener == FLOW_BY_PEER)
		adopted.opener = FLOW_BY_GUEST;
	allowed = origin->opener == FLOW_BY_FORWARD || reaches(gate, origin->mac, &key);
	flow = flow_open(gate->flows, &key, &adopted, now(gate));
	if (!flow)
		return GATE_DROP;
	/* Whom the guest may not ask does not come in by a port that it opened for others. */
	if (!allowed)
		flow_cut(gate->flows, flow, now(gate));
	return pass_to_guest(gate, flow, packet);
}

/* What becomes of the first fragment becomes of the rest. */
static enum gate_answer keep(struct gate *gate, const struct packet *first, enum gate_answer answer)
{
	if (answer == GATE_DROP)
		cut_fragments_add(&gate->cut_fragments, first);
	return answer;
}

enum gate_answer gate_to_guest(struct gate *gate, const struct packet *packet)
{
	struct packet first;

	if (!packet->fragment)
		return ask_to_guest(gate, packet);
	if (cut_fragments_is_first(packet, &first))
		return keep(gate, packet, ask_to_guest(gate, &first));
	return cut_fragments_has(&gate->cut_fragments, packet) ? GATE_DROP : GATE_PASS;
}

enum gate_answer gate_open_to_guest(struct gate *gate, const struct packet *packet,
				    const struct flow_origin *origin)
{
	struct packet first;

	if (!packet->fragment)
		return open_to_guest(gate, packet, origin);
	if (cut_fragments_is_first(packet, &first))
		return keep(gate, packet, open_to_guest(gate, &first, origin));
	return GATE_PASS;
}

/* --- what changes --- */

void gate_run(struct gate *gate)
{
	unsigned n = gate->n_resets;

	gate->n_resets = 0; /* a reset may lead to others, in the next turn */
	for (unsigned i = 0; i < n; i++) {
		struct flow_key key = gate->resets[i];
		const struct flow *flow = flow_find(gate->flows, &key);

		if (flow && flow->cut)
			gate->ops->reset(gate->ops_data, flow, FLOW_FROM_GUEST);
	}
}

static void rejudge(void *data, struct flow *flow)
{
	struct gate *gate = data;
	bool over = flow_is_closed(flow);

	/* What the guest says is over libslirp need not have believed: it is made sure of. */
	if (flow->opener == FLOW_BY_FORWARD || flow->served || flow->cut ||
	    reaches(gate, flow->mac, &flow->key))
		return;
	if (flow->key.proto == IPPROTO_TCP) {
		if (!over)
			gate->ops->reset(gate->ops_data, flow, FLOW_TO_GUEST);
		gate->ops->reset(gate->ops_data, flow, FLOW_FROM_GUEST);
	}
	flow_cut(gate->flows, flow, now(gate));
	gate->n_cut += !over;
}

unsigned gate_rejudge(struct gate *gate)
{
	gate->n_cut = 0;
	flow_foreach(gate->flows, rejudge, gate);
	return gate->n_cut;
}

void gate_port_gone(struct gate *gate, const struct port *port)
{
	denials_forget_port(&gate->denials, port);
}

/* --- the whole --- */

bool gate_knows_host_addresses(const struct gate *gate)
{
	return gate->hostaddr != NULL;
}

struct flow_table *gate_flows(struct gate *gate)
{
	return gate->flows;
}

struct egress *gate_egress(struct gate *gate)
{
	return gate->egress;
}

uint64_t gate_n_denied(const struct gate *gate)
{
	return gate->denials.n;
}

struct gate *gate_new(struct network *network, const struct user_config *config,
		      const struct gate_ops *ops, void *data, GError **error)
{
	/* Opened now, for it may be asked for when nothing can be opened any more. */
	struct hostaddr *hostaddr = hostaddr_new(config->host_addresses ? NULL : error);
	struct gate *gate;

	if (!hostaddr && !config->host_addresses)
		return NULL;
	gate = g_new0(struct gate, 1);
	gate->network = network;
	gate->config = config;
	gate->ops = ops;
	gate->ops_data = data;
	gate->flows = flow_table_new(network->loop);
	gate->egress = egress_new(network, config->restricted);
	denials_init(&gate->denials, network);
	gate->hostaddr = hostaddr;
	gate->host_addresses = g_ref_string_new("host-addresses=off");
	return gate;
}

void gate_free(struct gate *gate)
{
	flow_table_free(gate->flows);
	egress_free(gate->egress);
	denials_fini(&gate->denials);
	hostaddr_free(gate->hostaddr);
	g_ref_string_release(gate->host_addresses);
	g_free(gate);
}
