/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "dns/special.h"
#include "dns/zone_priv.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/reservation.h"
#include "net/user_config.h"

static const struct dns_name root = {.len = 1};

/* --- answers --- */

static bool asks(const struct dns_query *query, uint16_t type)
{
	return query->type == type || query->type == DNS_TYPE_ANY;
}

static void add_soa(const struct dns_zone *zone, enum dns_section section,
		    const struct dns_name *owner, struct dns_writer *w)
{
	dns_answer_authoritative(w);
	dns_answer_add_soa(w, section, owner, DNS_LOCAL_TTL, &zone->mname, &zone->rname,
			   zone->serial);
}

static void say_nodata(const struct dns_zone *zone, const struct dns_name *owner,
		       struct dns_writer *w)
{
	add_soa(zone, DNS_AUTHORITY, owner, w);
}

static void say_nxdomain(const struct dns_zone *zone, const struct dns_name *owner,
			 struct dns_writer *w)
{
	dns_answer_rcode(w, DNS_NXDOMAIN);
	add_soa(zone, DNS_AUTHORITY, owner, w);
}

/* True: the question asks for this type. */
static bool add_v4(struct dns_writer *w, const void *addr)
{
	static const uint8_t none[4];

	if (!asks(w->query, DNS_TYPE_A) || memcmp(addr, none, 4) == 0)
		return false;
	dns_answer_add(w, DNS_ANSWER, NULL, DNS_TYPE_A, DNS_LOCAL_TTL, addr, 4);
	return true;
}

static bool add_v6(struct dns_writer *w, const struct in6_addr *addr)
{
	if (!asks(w->query, DNS_TYPE_AAAA) || IN6_IS_ADDR_UNSPECIFIED(addr))
		return false;
	dns_answer_add(w, DNS_ANSWER, NULL, DNS_TYPE_AAAA, DNS_LOCAL_TTL, addr, 16);
	return true;
}

/* Answers for the gateway's names; false: @label is none of them. */
static bool answer_own(const struct dns_zone *zone, const char *label, struct dns_writer *w,
		       bool *any)
{
	const struct user_config *config = zone->config;
	bool gateway = dns_zone_is_gateway(label);

	if (!dns_zone_is_own(label))
		return false;
	if (config->ipv4)
		*any |= add_v4(w, gateway ? &config->host : &config->dns);
	if (config->ipv6)
		*any |= add_v6(w, gateway ? &config->host6 : &config->dns6);
	return true;
}

static bool answer_guest(const struct dns_zone *zone, const char *label, struct dns_writer *w,
			 bool *any)
{
	const struct reservation *reserved =
		reservation_by_name(zone->network->reservations, label);
	const struct guest *guest = guest_by_name(zone->network->guests, label);

	if (guest && guest->v4.s_addr)
		*any |= add_v4(w, &guest->v4);
	else if (reserved)
		*any |= add_v4(w, &reserved->addr); /* the guest will have it when it comes */
	for (unsigned i = 0; guest && i < guest->n_v6; i++) {
		/* A link-local address is meaningless without its link (RFC 4472 2.1). */
		if (!IN6_IS_ADDR_LINKLOCAL(&guest->v6[i]))
			*any |= add_v6(w, &guest->v6[i]);
	}
	return guest || reserved;
}

static bool answer_set(const struct dns_record_set *set, struct dns_writer *w)
{
	bool any = false;

	for (guint i = 0; i < set->addrs->len; i++) {
		const struct dns_addr *addr = &g_array_index(set->addrs, struct dns_addr, i);

		any |= addr->v6 ? add_v6(w, &addr->addr) : add_v4(w, &addr->addr);
	}
	return any;
}

static void answer_apex(const struct dns_zone *zone, const struct dns_name *apex,
			struct dns_writer *w)
{
	const struct dns_query *query = w->query;

	dns_answer_authoritative(w);
	if (asks(query, DNS_TYPE_NS))
		dns_answer_add(w, DNS_ANSWER, NULL, DNS_TYPE_NS, DNS_LOCAL_TTL, zone->mname.wire,
			       zone->mname.len);
	if (asks(query, DNS_TYPE_SOA))
		add_soa(zone, DNS_ANSWER, NULL, w);
	else if (query->type != DNS_TYPE_NS)
		say_nodata(zone, apex, w);
}

/* --- names forward --- */

/* @soa: the zone whose SOA goes with an empty answer. */
static void finish(const struct dns_zone *zone, bool any, const struct dns_name *soa,
		   struct dns_writer *w)
{
	dns_answer_authoritative(w);
	if (!any)
		say_nodata(zone, soa, w);
}

/*
 * Types that carry addresses: if a record overrides a foreign name, foreign addresses must not
 * appear beside it. HTTPS and SVCB carry hints (RFC 9460 7.3).
 */
static bool tells_addresses(uint16_t type)
{
	return type == DNS_TYPE_A || type == DNS_TYPE_AAAA || type == DNS_TYPE_ANY ||
	       type == DNS_TYPE_CNAME || type == DNS_TYPE_HTTPS || type == DNS_TYPE_SVCB;
}

/* Are unknown short names looked up upstream? */
static bool asks_host(const struct dns_zone *zone)
{
	return zone->config->dns_host_search && !zone->config->restricted;
}

/* Below the domain all names are ours; of single labels, those that exist here. */
static bool answer_domain(const struct dns_zone *zone, const struct dns_name *name, bool single,
			  struct dns_writer *w)
{
	unsigned depth = dns_name_labels(name) - dns_name_labels(&zone->domain);
	const struct dns_name *soa = single ? &w->query->name : &zone->domain;
	const struct dns_record_set *set = dns_records_find(zone->records, name);
	char label[DNS_LABEL_MAX + 1];
	bool any = false;

	if (depth == 0) {
		if (set && answer_set(set, w))
			dns_answer_authoritative(w);
		else
			answer_apex(zone, &zone->domain, w);
		return true;
	}
	if (set) {
		finish(zone, answer_set(set, w), soa, w);
		return true;
	}
	if (depth == 1 && dns_name_label(name, label) &&
	    (answer_own(zone, label, w, &any) || answer_guest(zone, label, w, &any))) {
		finish(zone, any, soa, w);
		return true;
	}
	if (dns_records_below(zone->records, name)) {
		finish(zone, false, soa, w);
		return true;
	}
	set = dns_records_wildcard(zone->records, name);
	if (set)
		finish(zone, answer_set(set, w), soa, w);
	else if (single && asks_host(zone))
		return false;
	else
		say_nxdomain(zone, single ? &root : &zone->domain, w);
	return true;
}

/* Does @name have records, or any below it, or a wildcard? */
static bool has_records(const struct dns_zone *zone, const struct dns_name *name)
{
	return dns_records_find(zone->records, name) || dns_records_below(zone->records, name) ||
	       dns_records_wildcard(zone->records, name);
}

/* A live record for a foreign name. */
static bool answer_override(const struct dns_zone *zone, const struct dns_query *query,
			    struct dns_writer *w)
{
	const struct dns_record_set *set;

	if (!dns_records_count(zone->records) || !tells_addresses(query->type))
		return false;
	set = dns_records_find(zone->records, &query->name);
	if (!set && !dns_records_below(zone->records, &query->name))
		set = dns_records_wildcard(zone->records, &query->name);
	if (!set)
		return false;
	finish(zone, answer_set(set, w), &query->name, w);
	return true;
}

/*
 * Only validating resolvers ask these of a top-level domain (RFC 4035 5); hosts' names are not
 * looked up so.
 */
static bool is_delegation_type(uint16_t type)
{
	return type == DNS_TYPE_DS || type == DNS_TYPE_DNSKEY || type == DNS_TYPE_NS;
}

/* --- names of addresses --- */

static bool name_of_own(const struct dns_zone *zone, const struct dns_addr *addr,
			struct dns_name *out)
{
	const struct user_config *config = zone->config;
	bool gateway, dns;

	if (addr->v6) {
		gateway = config->ipv6 && IN6_ARE_ADDR_EQUAL(&addr->addr, &config->host6);
		dns = config->ipv6 && IN6_ARE_ADDR_EQUAL(&addr->addr, &config->dns6);
	} else {
		gateway = config->ipv4 && memcmp(&addr->addr, &config->host, 4) == 0;
		dns = config->ipv4 && memcmp(&addr->addr, &config->dns, 4) == 0;
	}
	return (gateway || dns) &&
	       dns_name_prepend(out, gateway ? "gateway" : "dns", &zone->domain);
}

static bool name_of_loopback(const struct dns_addr *addr, struct dns_name *out)
{
	static const uint8_t v4[] = {127, 0, 0, 1};

	if (addr->v6 ? !IN6_IS_ADDR_LOOPBACK(&addr->addr) : memcmp(&addr->addr, v4, 4) != 0)
		return false;
	return dns_name_parse(out, "localhost");
}

static bool name_of_guest(const struct dns_zone *zone, const struct dns_addr *addr,
			  struct dns_name *out)
{
	struct guest_table *guests = zone->network->guests;
	const struct reservation *reserved = NULL;
	const struct guest *guest;
	const char *name;
	struct in_addr v4;

	memcpy(&v4, &addr->addr, sizeof(v4));
	guest = addr->v6 ? guest_by_v6(guests, &addr->addr) : guest_by_v4(guests, v4);
	if (!addr->v6)
		reserved = reservation_by_v4(zone->network->reservations, v4);
	name = reserved ? reserved->name : guest ? guest->name : NULL;
	return name && dns_name_prepend(out, name, &zone->domain);
}

static bool name_of(const struct dns_zone *zone, const struct dns_reverse *reverse,
		    struct dns_name *out)
{
	struct dns_addr addr = {reverse->v6, reverse->addr};
	const struct dns_name *added;

	if (!dns_reverse_whole(reverse))
		return false;
	if (name_of_own(zone, &addr, out) || name_of_loopback(&addr, out))
		return true;
	added = dns_records_by_addr(zone->records, &addr);
	if (added)
		*out = *added;
	return added || name_of_guest(zone, &addr, out);
}

static const struct dns_prefix *find_prefix(const struct dns_zone *zone,
					    const struct dns_reverse *reverse)
{
	for (unsigned i = 0; i < zone->n_prefixes; i++) {
		if (dns_prefix_covers(&zone->prefixes[i], reverse))
			return &zone->prefixes[i];
	}
	return NULL;
}

static bool answer_reverse(const struct dns_zone *zone, const struct dns_query *query,
			   struct dns_writer *w)
{
	const struct dns_prefix *prefix;
	struct dns_reverse reverse;
	struct dns_name name, apex;
	unsigned labels;
	bool found;

	if (!dns_reverse_parse(&reverse, &query->name))
		return false;
	found = name_of(zone, &reverse, &name);
	prefix = find_prefix(zone, &reverse);
	if (!found && !prefix)
		return false;
	labels = dns_name_labels(&query->name);
	dns_name_ancestor(&apex, &query->name, prefix ? labels - 2 - dns_prefix_labels(prefix) : 0);
	if (found && asks(query, DNS_TYPE_PTR)) {
		dns_answer_authoritative(w);
		dns_answer_add(w, DNS_ANSWER, NULL, DNS_TYPE_PTR, DNS_LOCAL_TTL, name.wire,
			       name.len);
	} else if (prefix && !reverse.junk && dns_name_equal(&apex, &query->name)) {
		answer_apex(zone, &apex, w);
	} else if (found || (!reverse.junk && !dns_reverse_whole(&reverse))) {
		/* Names between the zone and its addresses exist if something is below. */
		say_nodata(zone, &apex, w);
	} else {
		say_nxdomain(zone, &apex, w);
	}
	return true;
}

/* --- reserved names --- */

/* A guest's name before .local, for clients that look only there. */
static bool answer_local(const struct dns_zone *zone, const struct dns_query *query,
			 const struct dns_name *local, struct dns_writer *w)
{
	char label[DNS_LABEL_MAX + 1];
	bool any = false;

	if (dns_name_labels(&query->name) != 2 || !dns_name_label(&query->name, label) ||
	    !answer_guest(zone, label, w, &any))
		return false;
	finish(zone, any, local, w);
	return true;
}

static bool answer_special(const struct dns_zone *zone, const struct dns_query *query, bool routed,
			   struct dns_writer *w)
{
	static const uint8_t loopback4[] = {127, 0, 0, 1};
	struct dns_name special;
	bool any = false;

	switch (dns_special_find(&query->name, &special)) {
	case DNS_SPECIAL_LOCALHOST:
		any |= add_v4(w, loopback4);
		any |= add_v6(w, &in6addr_loopback);
		finish(zone, any, &special, w);
		return true;
	case DNS_SPECIAL_LOCAL:
		if (!routed && answer_local(zone, query, &special, w))
			return true;
		if (asks_host(zone) && !has_records(zone, &query->name))
			return false;
		__attribute__((fallthrough));
	case DNS_SPECIAL_NXDOMAIN:
		if (routed)
			return false;
		if (has_records(zone, &query->name))
			say_nodata(zone, &special, w);
		else
			say_nxdomain(zone, &special, w);
		return true;
	case DNS_SPECIAL_NODATA:
		say_nodata(zone, &special, w);
		return true;
	case DNS_SPECIAL_NONE:
		break;
	}
	return false;
}

bool dns_zone_answer(const struct dns_zone *zone, const struct dns_query *query, bool routed,
		     struct dns_writer *w)
{
	unsigned labels = dns_name_labels(&query->name);
	struct dns_name name = query->name;

	if (dns_name_within(&name, &zone->domain))
		return answer_domain(zone, &name, false, w);
	if (answer_override(zone, query, w) || answer_reverse(zone, query, w) ||
	    answer_special(zone, query, routed, w))
		return true;
	if (labels != 1 || routed)
		return false;
	if (!dns_zone_canonical(zone, &name) || is_delegation_type(query->type))
		return false;
	return answer_domain(zone, &name, true, w);
}
