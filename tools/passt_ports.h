/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_PASST_PORTS_H
#define USERNET_TOOLS_PASST_PORTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/portrange.h"

/*
 * passt's port specifiers (passt(1), --tcp-ports) as hostfwd rules (fwd/rule.h):
 *
 *     SPEC   none | all | [ADDRESS/]LIST
 *     LIST   PORT | FIRST-LAST, with :PORT or :FIRST-LAST for the guest's side; ~PORT, ~FIRST-LAST
 *            exclude; separated by commas
 *
 * "all", and a list with only exclusions, mean every port that is free now and outside the kernel's
 * ephemeral range.
 */
struct passt_host {
	struct port_range ephemeral;
	/* Can @port be bound now? @host is as in a rule: "*", "127.0.0.1", "[::1]". */
	bool (*is_free)(const char *host, bool udp, uint16_t port);
};

/* The local host: /proc/sys/net/ipv4/ip_local_port_range, and bind(2). */
void passt_host_init(struct passt_host *host);

/*
 * Appends the rules for @spec to @rules (newly allocated strings). @any: host side of a spec
 * without an address, "*", "0.0.0.0" or "[::]". @guest: the guest's name, or "" for the first
 * address of the pool. The error names the wrong part of @spec and the correct form.
 */
bool passt_ports_rules(GPtrArray *rules, const char *spec, bool udp, const char *any,
		       const char *guest, const struct passt_host *host, GError **error);

#endif
