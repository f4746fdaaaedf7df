/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_OVERLAP_H
#define USERNET_FWD_OVERLAP_H

#include "fwd/rule.h"

/*
 * Would rules @a and @b take the same connections at some port or path? *@port is the first such
 * port, 0 for paths. Port 0 meets nothing: the kernel chooses one that is free. Host sides only;
 * for a rule that listens already give it with the port it has.
 *
 * The kernel would say so too, but not for UDP, where SO_REUSEADDR (libslirp udp.c udpx_listen)
 * lets the later one steal from the earlier.
 */
bool fwd_rules_overlap(const struct fwd_rule *a, const struct fwd_rule *b, uint16_t *port);

/* The same host's side: protocol, addresses and ports? */
bool fwd_rules_same_host(const struct fwd_rule *a, const struct fwd_rule *b);

/* The IPv6 address that goes with @v4 in a rule for both: any with any, loopback with loopback; the
 * port is kept. */
struct sockaddr_any fwd_twin(const struct sockaddr_any *v4);

#endif
