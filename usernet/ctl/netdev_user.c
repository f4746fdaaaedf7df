/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/options/user.h"

#include "base/error.h"
#include "ctl/forwards.h"
#include "ctl/guest_forwards.h"
#include "ctl/netdev_kind.h"
#include "ctl/policies.h"
#include "dns/server.h"
#include "dns/zone.h"
#include "gateway/gateway.h"
#include "net/netdev.h"

/* Checks what the gateway checks when it is made: addresses, servers, domain. */
static bool check_config(const struct user_config *said, GError **error)
{
	struct user_config config = *said;
	g_autoptr(GArray) servers = NULL;
	struct dns_zone *zone;

	if (!user_config_resolve(&config, error))
		return error_blame_usage(error);
	if (config.dns_servers) {
		servers = dns_servers_from_words(config.dns_servers, error);
		if (!servers) {
			g_prefix_error(error, "dns-server=: ");
			return error_blame_usage(error);
		}
	}
	zone = dns_zone_new(&config, NULL, error);
	if (!zone)
		return error_blame_usage(error);
	dns_zone_free(zone);
	return true;
}

static bool check_forwards(const struct optstr *opts, struct in_addr host, GError **error)
{
	g_autofree const char **rules = optstr_all(opts, "hostfwd");
	struct fwd_rule rule;

	for (unsigned i = 0; rules[i]; i++) {
		if (!fwd_rule_parse(&rule, rules[i], host, error))
			return error_blame_usage(error);
	}
	return true;
}

static bool check(const struct optstr *opts, GError **error)
{
	struct user_options user;
	bool ok = user_options_read(&user, opts, error) && check_config(&user.config, error) &&
		  policies_check_user(opts, user.config.restricted || user.config.policy, error) &&
		  check_forwards(opts, user.forward_host, error) &&
		  (guest_forwards_check(opts, &user.config, error) || error_blame_usage(error));

	user_options_clear(&user);
	return ok;
}

static bool add_forwards(struct attachment *attachment, GError **error)
{
	g_autofree const char **rules = optstr_all(attachment->opts, "hostfwd");

	for (unsigned i = 0; rules[i]; i++) {
		if (!forwards_add_early(attachment->forwards, rules[i], error))
			return false;
	}
	return true;
}

static bool add_guest_forwards(struct attachment *attachment, GError **error)
{
	g_autofree const char **rules = optstr_all(attachment->opts, "guestfwd");

	for (unsigned i = 0; rules[i]; i++) {
		if (!guest_forwards_add(attachment->guest_forwards, rules[i], error))
			return false;
	}
	return true;
}

static bool build(struct attachment *attachment, struct network *network, struct fd_source *fds,
		  GError **error)
{
	struct user_options user;
	g_autofree char *leases = attachment->state_dir
					  ? g_build_filename(attachment->state_dir, "leases", NULL)
					  : NULL;

	if (user_options_read(&user, attachment->opts, error)) {
		user.config.lease_file = leases;
		attachment->netdev = gateway_new(network, &user.config, error);
	}
	if (attachment->netdev) {
		const struct user_config *config =
			gateway_config(gateway_from_netdev(attachment->netdev));

		attachment->role = ATTACHMENT_GATEWAY;
		policies_apply(network, NULL, attachment->opts);
		attachment->forwards =
			forwards_new(attachment->netdev, user.forward_host, config->dhcp_start);
		attachment->guest_forwards = guest_forwards_new(attachment->netdev);
	}
	user_options_clear(&user);
	return attachment->netdev && add_forwards(attachment, error) &&
	       add_guest_forwards(attachment, error);
}

const struct netdev_kind netdev_kind_user = {"user", user_option_specs, check, build};
