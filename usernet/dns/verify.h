/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_VERIFY_H
#define USERNET_DNS_VERIFY_H

#include "dns/wire.h"

/*
 * Does an answer belong to this question? The channel has checked id, port, source, and that the
 * question is repeated. This checks that it is an answer, is complete, and that each record of its
 * answer section belongs to the name asked for, or to one that a chain of CNAMEs (DNAMEs, RFC 6672)
 * leads to. Unrelated aliases are not passed on.
 */
#define DNS_CHAIN_MAX 16 /* aliases followed; other resolvers stop earlier */

bool dns_answer_fits(const uint8_t *answer, size_t len, const struct dns_query *query);

#endif
