/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_POLICY_NAME_H
#define USERNET_POLICY_NAME_H

#include <glib.h>
#include <stdbool.h>

#include "packet/dns_name.h"

/*
 * Host names in rules: "api.example.com", or "*.example.com" for every name below it, at any depth,
 * but not example.com itself. A name has a dot; a single label is written with a final one, "git.".
 * Case and a final dot do not matter. Letters beyond ASCII are read as IDNA2008 says (RFC 5891),
 * where usernet was built with libidn2, and kept as A-labels.
 */
struct policy_name {
	bool below;           /* "*.": the names below @name */
	struct dns_name name; /* in lower case */
};

/*
 * Could @text be meant as a name, not as an address? Then policy_name_parse() explains what is
 * wrong with it.
 */
bool policy_name_looks_like(const char *text);
/* NULL: it is a name; else what is wrong with it, newly allocated. */
char *policy_name_parse(struct policy_name *name, const char *text);
/* Newly allocated. */
char *policy_name_format(const struct policy_name *name);

/*
 * A name as DNS compares it, of letters, digits, '-' and '_' only: what a rule can match. False for
 * others, and for the root.
 */
bool policy_name_is_host(const struct dns_name *name);

/*
 * Bounds on a name that only a wildcard allows: what it spells leaves the host. Labels in all, and
 * bytes on the wire.
 */
#define POLICY_NAME_LABELS_MAX 10
#define POLICY_NAME_BYTES_MAX  128

#endif
