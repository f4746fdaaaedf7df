/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_ADDRESSES_H
#define USERNET_TESTS_ADDRESSES_H

#include <arpa/inet.h>
#include <check.h>

static inline struct in_addr v4(const char *text)
{
	struct in_addr addr;

	ck_assert_int_eq(inet_pton(AF_INET, text, &addr), 1);
	return addr;
}

static inline struct in6_addr v6(const char *text)
{
	struct in6_addr addr;

	ck_assert_int_eq(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

#endif
