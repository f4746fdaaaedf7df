/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/verify.h"

#include <glib.h>

struct alias {
	struct dns_name owner, target;
	bool dname; /* holds for all names below its owner */
};

struct chain {
	struct alias aliases[DNS_CHAIN_MAX]; /* of the answer section, in order */
	unsigned n_aliases;
	struct dns_name names[DNS_CHAIN_MAX + 1]; /* the name asked for, and those it leads to */
	unsigned n_names;
};

static bool repeats_question(const uint8_t *answer, size_t len, const struct dns_query *query)
{
	struct dns_name name;
	size_t pos = DNS_HEADER;

	/* Equal length on the wire: the client's own spelling is put back. */
	return dns_name_read(&name, answer, len, &pos) && pos + 4 == query->question_end &&
	       len >= query->question_end && dns_name_equal(&name, &query->name) &&
	       dns_get16(answer + pos) == query->type &&
	       dns_get16(answer + pos + 2) == query->class;
}

/* Replaces @owner at the end of @name by @target. */
static bool substitute(struct dns_name *out, const struct dns_name *name,
		       const struct dns_name *owner, const struct dns_name *target)
{
	size_t front = name->len - owner->len;

	if (front + target->len > DNS_NAME_MAX)
		return false;
	out->len = (uint8_t)(front + target->len);
	memcpy(out->wire, name->wire, front);
	memcpy(out->wire + front, target->wire, target->len);
	return true;
}

static bool leads_on(const struct alias *alias, const struct dns_name *from, struct dns_name *to)
{
	if (!alias->dname) {
		*to = alias->target;
		return dns_name_equal(&alias->owner, from);
	}
	return !dns_name_equal(&alias->owner, from) && dns_name_within(from, &alias->owner) &&
	       substitute(to, from, &alias->owner, &alias->target);
}

static bool is_known(const struct chain *chain, const struct dns_name *name)
{
	for (unsigned i = 0; i < chain->n_names; i++) {
		if (dns_name_equal(&chain->names[i], name))
			return true;
	}
	return false;
}

/* Follows the aliases from the name asked for, in any order. */
static void follow(struct chain *chain, const struct dns_name *from)
{
	chain->names[chain->n_names++] = *from;
	for (unsigned done = 0; done < chain->n_names; done++) {
		for (unsigned i = 0; i < chain->n_aliases; i++) {
			struct dns_name to;

			if (chain->n_names < G_N_ELEMENTS(chain->names) &&
			    leads_on(&chain->aliases[i], &chain->names[done], &to) &&
			    !is_known(chain, &to))
				chain->names[chain->n_names++] = to;
		}
	}
}

static bool belongs(const struct chain *chain, const struct dns_record *record)
{
	if (is_known(chain, &record->owner))
		return true;
	/* A DNAME and its signature are above the name for which they were used. */
	for (unsigned i = 0; i < chain->n_aliases; i++) {
		const struct alias *alias = &chain->aliases[i];
		struct dns_name to;

		if (!alias->dname || !dns_name_equal(&alias->owner, &record->owner))
			continue;
		for (unsigned n = 0; n < chain->n_names; n++) {
			if (leads_on(alias, &chain->names[n], &to))
				return true;
		}
	}
	return false;
}

/* False: the message is truncated, or has too many aliases. */
static bool collect(struct chain *chain, const uint8_t *answer, size_t len)
{
	struct dns_record record;
	struct dns_walk walk;

	dns_walk_begin(&walk, answer, len);
	while (dns_walk_next(&walk, &record)) {
		size_t target = record.rdata;
		struct alias *alias;

		if (record.section != DNS_ANSWER ||
		    (record.type != DNS_TYPE_CNAME && record.type != DNS_TYPE_DNAME))
			continue;
		if (chain->n_aliases == DNS_CHAIN_MAX)
			return false;
		alias = &chain->aliases[chain->n_aliases++];
		alias->owner = record.owner;
		alias->dname = record.type == DNS_TYPE_DNAME;
		if (!dns_name_read(&alias->target, answer, record.rdata + record.rdlen, &target) ||
		    target != record.rdata + record.rdlen)
			return false;
	}
	return !walk.broken;
}

bool dns_answer_fits(const uint8_t *answer, size_t len, const struct dns_query *query)
{
	struct chain chain = {.n_aliases = 0};
	struct dns_record record;
	struct dns_walk walk;
	uint16_t flags;

	if (len < DNS_HEADER)
		return false;
	flags = dns_get16(answer + 2);
	if (!(flags & DNS_QR) || (flags & DNS_OPCODE) || dns_get16(answer + 4) != 1 ||
	    !repeats_question(answer, len, query) || !collect(&chain, answer, len))
		return false;
	follow(&chain, &query->name);
	dns_walk_begin(&walk, answer, len);
	while (dns_walk_next(&walk, &record)) {
		if (record.section == DNS_ANSWER && !belongs(&chain, &record))
			return false;
	}
	return true;
}
