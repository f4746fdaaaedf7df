/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/judge.h"

#include "base/address.h"
#include "net/network.h"
#include "net/port.h"
#include "net/user_config.h"
#include "net/vswitch.h"
#include "policy/destination.h"
#include "policy/hostaddr.h"
#include "policy/learned.h"
#include "policy/private.h"
#include "policy/verdicts.h"

static usec_t now(const struct judge *judge)
{
	return loop_now(judge->network->loop);
}

static bool is_gateway(const struct user_config *config, const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr) ? address_v4(addr).s_addr == config->host.s_addr
					  : IN6_ARE_ADDR_EQUAL(addr, &config->host6);
}

static bool leads_to_host(struct judge *judge, const struct in6_addr *addr)
{
	struct in6_addr carried;

	return !judge->hostaddr || hostaddr_is_own(judge->hostaddr, addr) ||
	       (address_carried_v4(addr, &carried) && hostaddr_is_own(judge->hostaddr, &carried));
}

/* Is @addr the host's or the network's own? A name does not lead there (rebinding). */
static bool is_own(struct judge *judge, const struct in6_addr *addr)
{
	const struct user_config *config = judge->config;

	if (is_gateway(config, addr) || leads_to_host(judge, addr))
		return true;
	return address_is_v4(addr) ? user_config_has(config, address_v4(addr))
				   : address_in_prefix(addr, &config->net6, config->net6_len);
}

/* The policy's verdict on what policy/destination.h allows. @name, @said as in policy_table_target.
 */
struct policy_table_verdict judge_conn(struct judge *judge, mac_t mac, const struct conn_key *key,
				       const char *name, const struct dns_name *said)
{
	struct policy_table_target target = {
		.proto = key->proto, .dst = key->peer, .name = name, .said = said};
	struct policy_table_verdict verdict;

	if (!judge->config->host_addresses && !is_gateway(judge->config, &key->peer) &&
	    leads_to_host(judge, &key->peer))
		return (struct policy_table_verdict){.rule = judge->host_addresses};
	if (key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP)
		target.port = key->peer_port;
	verdict = policy_table_look(judge->policy_table, mac, &target);
	if (!verdict.by_name || !verdict.allow || verdict.private || !is_own(judge, &key->peer))
		return verdict;
	target.own = true;
	return policy_table_look(judge->policy_table, mac, &target);
}

/* May this guest open a conn of this key? Not counted as a hit of any rule. */
bool judge_reaches(struct judge *judge, mac_t mac, const struct conn_key *key, const char *name)
{
	bool v6 = !IN6_IS_ADDR_V4MAPPED(&key->guest);

	return destination_reaches(judge->config, v6, key->proto, &key->peer, key->peer_port) &&
	       judge_conn(judge, mac, key, name, NULL).allow;
}

/* Notes a verdict in the log, and tells it as an event. Most are too many for either. */
static void note(struct judge *judge, const struct port *from, const struct verdict *said)
{
	char text[DNS_NAME_TEXT];

	verdicts_note(judge->verdicts, said, now(judge));
	if (!from || !denials_due(&judge->denials, from, said->allow))
		return;
	if (said->asked)
		dns_name_text(text, said->asked);
	denials_tell(&judge->denials, from, said->mac, said->allow,
		     (struct network_denial){
			     .proto = said->proto,
			     .dst = said->dst,
			     .port = said->port,
			     .rule = said->rule,
			     .name = said->asked ? text : said->name,
			     .lookup = said->lookup,
		     });
}

void judge_deny(struct judge *judge, const struct port *from, mac_t mac,
		const struct packet *packet, const char *rule, const char *name)
{
	bool has_port = packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP;

	note(judge, from,
	     &(struct verdict){
		     .mac = mac,
		     .port_id = from->id,
		     .proto = packet->proto,
		     .dst = packet->dst,
		     .port = has_port ? packet->dport : 0,
		     .rule = rule,
		     .name = name,
	     });
}

/* A conn was allowed; counts the rule. Nothing is noted where there are no rules. */
void judge_allowed(struct judge *judge, const struct port *from, mac_t mac,
		   const struct conn_key *key, const struct policy_table_verdict *verdict)
{
	bool has_port = key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP;
	uint16_t port = has_port ? key->peer_port : 0;

	if (verdict->decided)
		policy_hit(verdict->decided);
	if (!policy_table_needs_names(judge->policy_table))
		return;
	note(judge, from,
	     &(struct verdict){
		     .allow = true,
		     .mac = mac,
		     .port_id = from->id,
		     .proto = key->proto,
		     .dst = key->peer,
		     .port = port,
		     .rule = verdict->rule,
		     .name = verdict->name,
	     });
	if (judge->learned && !verdict->decided)
		learned_note(judge->learned, mac, key->proto, &key->peer, port, verdict->name,
			     private_address(&key->peer) || is_own(judge, &key->peer));
}

bool judge_may_go_to(struct judge *judge, const struct port *from, mac_t mac,
		     const struct packet *packet, enum drop_reason *why)
{
	if (destination_allows(judge->config, packet, why))
		return true;
	if (*why == DROP_POLICY)
		judge_deny(judge, from, mac, packet,
			   is_gateway(judge->config, &packet->dst) ? "host-loopback" : "built-in",
			   NULL);
	return false;
}

/* --- names --- */

bool judge_said(struct judge *judge, struct conn *conn, const struct dns_name *name)
{
	g_autofree char *text = name ? dns_name_format(name) : NULL;
	struct policy_table_verdict verdict = {.allow = false};

	if (name)
		verdict = judge_conn(judge, conn->mac, &conn->key, NULL, name);
	if (verdict.allow && verdict.by_name &&
	    (!g_strcmp0(verdict.rule, conn->rule) ||
	     policy_table_stands_for(judge->policy_table, conn->mac, name, &conn->key.peer))) {
		conn->sni = conn->host = false;
		return true;
	}
	note(judge, vswitch_lookup(judge->network->vswitch, conn->mac),
	     &(struct verdict){
		     .mac = conn->mac,
		     .port_id = conn->port_id,
		     .proto = conn->key.proto,
		     .dst = conn->key.peer,
		     .port = conn->key.peer_port,
		     .rule = conn->rule,
		     .name = text,
	     });
	return false;
}

bool judge_refuses(const struct judge *judge, mac_t mac)
{
	return policy_table_filters(judge->policy_table, mac);
}

bool judge_may_ask(struct judge *judge, const struct port *from, mac_t mac,
		   const struct dns_name *name)
{
	struct policy_table_verdict verdict = policy_table_ask(judge->policy_table, mac, name);

	if (verdict.allow && !verdict.by_name)
		return true;
	note(judge, from,
	     &(struct verdict){
		     .allow = verdict.allow,
		     .lookup = true,
		     .mac = mac,
		     .port_id = from ? from->id : 0,
		     .rule = verdict.rule,
		     .asked = name,
	     });
	return verdict.allow;
}

void judge_look(struct judge *judge, mac_t mac, uint8_t proto, const struct in6_addr *dst,
		uint16_t port, struct judge_view *view)
{
	struct conn_key key = {.proto = proto, .peer = *dst, .peer_port = port};
	struct policy_table_verdict verdict;

	*view = (struct judge_view){.rule = is_gateway(judge->config, dst) ? "host-loopback"
									   : "built-in"};
	if (!destination_reaches(judge->config, !address_is_v4(dst), proto, dst, port))
		return;
	verdict = judge_conn(judge, mac, &key, NULL, NULL);
	*view = (struct judge_view){verdict.allow, verdict.rule, verdict.name, verdict.sni,
				    verdict.host};
}

/* --- life --- */

bool judge_init(struct judge *judge, struct network *network, const struct user_config *config,
		GError **error)
{
	/* Open it now: later there may be no descriptor left. */
	judge->hostaddr = hostaddr_new(config->host_addresses ? NULL : error);
	if (!judge->hostaddr && !config->host_addresses)
		return false;
	judge->network = network;
	judge->config = config;
	judge->policy_table = policy_table_new(network, config);
	judge->verdicts = verdicts_new();
	if (config->policy == POLICY_MODE_LEARN)
		judge->learned = learned_new();
	denials_init(&judge->denials, network);
	judge->host_addresses = g_ref_string_new("host-addresses=off");
	return true;
}

void judge_fini(struct judge *judge)
{
	policy_table_free(judge->policy_table);
	denials_fini(&judge->denials);
	verdicts_free(judge->verdicts);
	g_clear_pointer(&judge->learned, learned_free);
	hostaddr_free(judge->hostaddr);
	g_ref_string_release(judge->host_addresses);
}
