/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_NAT_EXPECT_H
#define USERNET_SVC_NAT_EXPECT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The clients of a guest's UDP forwards: the guest may answer those who asked, whatever policy says
 * of their addresses. A ring; the one noted longest ago gives way.
 */
#define NAT_EXPECT_MAX 256

struct nat_expected {
	struct in6_addr peer; /* v4-mapped */
	uint16_t peer_port, guest_port;
};

/* Zero to begin with. */
struct nat_expect {
	struct nat_expected *ring; /* owned; made by the first note */
	unsigned n;                /* ever noted */
};

void nat_expect_fini(struct nat_expect *expect);
void nat_expect_note(struct nat_expect *expect, const struct nat_expected *client);
bool nat_expect_has(const struct nat_expect *expect, const struct nat_expected *client);

#endif
