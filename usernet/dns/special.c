/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/special.h"

#include <glib.h>

static const struct {
	struct dns_name name;
	enum dns_special kind;
} specials[] = {
	{{11, "\11localhost"}, DNS_SPECIAL_LOCALHOST},
	{{9, "\7invalid"}, DNS_SPECIAL_NXDOMAIN}, /* RFC 6761 6.4 */
	{{6, "\4test"}, DNS_SPECIAL_NXDOMAIN},    /* RFC 6761 6.2 */
	{{7, "\5local"}, DNS_SPECIAL_LOCAL},
	{{7, "\5onion"}, DNS_SPECIAL_NXDOMAIN}, /* RFC 7686 2 */
	{{5, "\3alt"}, DNS_SPECIAL_NXDOMAIN},   /* RFC 9476 3 */
	/* Asks the resolver about itself (RFC 9462 4); another resolver's answer would be wrong. */
	{{15, "\10resolver\4arpa"}, DNS_SPECIAL_NODATA},
};

enum dns_special dns_special_find(const struct dns_name *name, struct dns_name *zone)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(specials); i++) {
		if (dns_name_within(name, &specials[i].name)) {
			*zone = specials[i].name;
			return specials[i].kind;
		}
	}
	return DNS_SPECIAL_NONE;
}
