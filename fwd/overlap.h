/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_OVERLAP_H
#define USERNET_FWD_OVERLAP_H

#include "fwd/rule.h"

/*
 * Would rules @a and @b take the same connections at some port or path? *@port is the first such
 * port, 0 for paths. Port 0 overlaps with nothing: the kernel chooses a free port. Compares host
 * sides only; pass a rule that already listens with its actual port.
 *
 * The kernel detects this too, except for UDP, where SO_REUSEADDR (libslirp udp.c udpx_listen) lets
 * the later listener steal the traffic.
 */
bool fwd_rules_overlap(const struct fwd_rule *a, const struct fwd_rule *b, uint16_t *port);

/* Do both have the same host side: protocol, addresses and ports? */
bool fwd_rules_same_host(const struct fwd_rule *a, const struct fwd_rule *b);

/*
 * The IPv6 counterpart of @v4 in a rule for both families: any for any, loopback for loopback; the
 * port is kept.
 */
struct sockaddr_any fwd_twin(const struct sockaddr_any *v4);

#endif
