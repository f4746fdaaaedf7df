/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/names.h"

#include "conntrack/conntrack.h"
#include "conntrack/judge.h"
#include "gateway/gateway_priv.h"
#include "net/vswitch.h"
#include "packet/dns_name.h"

static bool is_within(const struct dns_name *name, const char *domain)
{
	struct dns_name zone;

	return domain && dns_name_parse(&zone, domain) && zone.len > 1 &&
	       dns_name_within(name, &zone);
}

static bool is_in_list(const struct dns_name *name, const char *const *domains)
{
	for (; domains && *domains; domains++) {
		if (is_within(name, *domains))
			return true;
	}
	return false;
}

/*
 * Did a resolver append a domain of the search list that we offered? It goes on to the next one,
 * and to the name as it stands, only if this one does not exist.
 */
static bool is_searched(const struct user_config *config, const struct dns_name *name)
{
	return is_within(name, config->domainname) || is_in_list(name, config->dnssearch) ||
	       is_in_list(name, config->host_search);
}

enum dns_leave names_may_leave(void *data, const struct dns_client *client,
			       const struct dns_name *name)
{
	struct gateway *gateway = data;
	const struct user_config *config = &gateway->config;
	struct judge *judge = conntrack_judge(gateway->conntrack);

	if (config->dns_policy == DNS_POLICY_ANSWER)
		return DNS_LEAVE;
	if (judge_may_ask(judge, vswitch_lookup(gateway->netdev.network->vswitch, client->mac),
			  client->mac, name))
		return judge_refuses(judge, client->mac) ? DNS_LEAVE_BARE : DNS_LEAVE;
	if (config->dns_policy == DNS_POLICY_NXDOMAIN || is_searched(config, name))
		return DNS_LEAVE_NXDOMAIN;
	return DNS_LEAVE_REFUSED;
}

void names_has_address(void *data, const struct dns_client *client, const struct dns_name *name,
		       const struct in6_addr *addr, uint32_t ttl)
{
	struct gateway *gateway = data;
	struct policy_table *policy_table = conntrack_egress(gateway->conntrack);

	if (!policy_table_needs_names(policy_table) ||
	    policy_table_renew(policy_table, client->port_id, client->mac, name, addr, ttl))
		return;
	if (gateway->config.policy == POLICY_MODE_LEARN ||
	    policy_table_ask(policy_table, client->mac, name).by_name)
		policy_table_open(policy_table, client->port_id, client->mac, name, addr, ttl);
}
