/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_VERIFY_H
#define USERNET_DNS_VERIFY_H

#include "dns/wire.h"

/*
 * Whether an answer that came with the right id, port and source is one to this question: the
 * channel has looked at those, and that it repeats the question. Here: that it is an answer, is
 * whole, and that each record of its answer section belongs to the name asked for, or to one that a
 * chain of CNAMEs (DNAMEs, RFC 6672) leads to from there. An alias out of the blue is not passed
 * on.
 */
#define DNS_CHAIN_MAX 16 /* aliases followed; resolvers give up earlier */

bool dns_answer_fits(const uint8_t *answer, size_t len, const struct dns_query *query);

#endif
