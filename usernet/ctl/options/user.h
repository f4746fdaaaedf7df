/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_USER_H
#define USERNET_CTL_OPTIONS_USER_H

#include "ctl/options/optstr.h"
#include "net/user_config.h"

/* The configuration made from the keys of the `user` netdev, and the memory it points into. */
struct user_options {
	struct user_config config;
	struct in_addr forward_host; /* hostfwd-addr= */
	struct port_range *ports;    /* of host-loopback= */
	const char **search, **dns_servers;
	struct user_route *routes;
	struct in_addr *ntp;
	struct boot_file *boot_files;
	const char **boot_params;
};

extern const struct opt_spec user_option_specs[];

/* Also points into @opts. False: @error names the key. Clear it in either case. */
bool user_options_read(struct user_options *out, const struct optstr *opts, GError **error);
/* policy=sandbox: other defaults hold for the keys that close the host. */
bool user_is_sandbox(const struct optstr *opts);
void user_options_clear(struct user_options *options);

#endif
