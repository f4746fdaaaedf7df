/* SPDX-License-Identifier: BSD-3-Clause */
#include "fwd/overlap.h"

#include "fwd/cursor.h"

struct sockaddr_any fwd_twin(const struct sockaddr_any *v4)
{
	struct sockaddr_any twin;

	fwd_set_v6(&twin, fwd_is_any(v4) ? &in6addr_any : &in6addr_loopback);
	fwd_set_port(&twin, fwd_get_port(v4));
	return twin;
}

/* @a and @b have one family; ports are ignored. */
static bool addresses_meet(struct sockaddr_any a, struct sockaddr_any b)
{
	if (a.sa.sa_family != b.sa.sa_family)
		return false;
	fwd_set_port(&a, 0);
	fwd_set_port(&b, 0);
	return fwd_is_any(&a) || fwd_is_any(&b) || sockaddr_equal(&a, &b);
}

bool fwd_rules_overlap(const struct fwd_rule *a, const struct fwd_rule *b, uint16_t *port)
{
	struct port_range pa = fwd_rule_host_ports(a), pb = fwd_rule_host_ports(b);
	struct sockaddr_any a6, b6;

	*port = 0;
	if (a->host.sa.sa_family == AF_UNIX || b->host.sa.sa_family == AF_UNIX)
		return sockaddr_equal(&a->host, &b->host);
	if (a->udp != b->udp || !pa.first || !pb.first || pa.first > pb.last || pb.first > pa.last)
		return false;
	*port = MAX(pa.first, pb.first);
	a6 = a->both ? fwd_twin(&a->host) : a->host;
	b6 = b->both ? fwd_twin(&b->host) : b->host;
	return addresses_meet(a->host, b->host) || addresses_meet(a6, b->host) ||
	       addresses_meet(a->host, b6) || addresses_meet(a6, b6);
}

bool fwd_rules_same_host(const struct fwd_rule *a, const struct fwd_rule *b)
{
	return a->udp == b->udp && a->both == b->both && a->n_ports == b->n_ports &&
	       sockaddr_equal(&a->host, &b->host);
}
