/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_RECORDS_H
#define USERNET_DNS_RECORDS_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "packet/dns_name.h"

/*
 * Address records added at run time, by name and by address. A name "*.x" answers for all names
 * below x that have no records of their own. The operator adds them, so guests cannot use up memory
 * here.
 */
#define DNS_RECORDS_MAX          65536
#define DNS_RECORDS_PER_NAME_MAX 32

struct dns_addr {
	bool v6;
	struct in6_addr addr; /* IPv4: in the first four bytes, the others 0 */
};

/* All records of one name. */
struct dns_record_set {
	struct dns_name name;
	GArray *addrs; /* struct dns_addr, in the order they were added */
};

struct dns_records;

struct dns_records *dns_records_new(void);
void dns_records_free(struct dns_records *records);
/* False: it exists already, or there are too many (the error says which). */
bool dns_records_add(struct dns_records *records, const struct dns_name *name,
		     const struct dns_addr *addr, GError **error);
/* @addr NULL: all of the name. Returns how many were removed. */
unsigned dns_records_remove(struct dns_records *records, const struct dns_name *name,
			    const struct dns_addr *addr);
const struct dns_record_set *dns_records_find(const struct dns_records *records,
					      const struct dns_name *name);
/* The nearest "*.x" above @name, or NULL. */
const struct dns_record_set *dns_records_wildcard(const struct dns_records *records,
						  const struct dns_name *name);
/* Is any name below @name? Then @name exists, if without records (RFC 8020). */
bool dns_records_below(const struct dns_records *records, const struct dns_name *name);
/* The first name added with @addr that is not a wildcard, or NULL. */
const struct dns_name *dns_records_by_addr(const struct dns_records *records,
					   const struct dns_addr *addr);
unsigned dns_records_count(const struct dns_records *records);
void dns_records_each(const struct dns_records *records,
		      void (*fn)(void *data, const struct dns_name *name,
				 const struct dns_addr *addr),
		      void *data);

#endif
