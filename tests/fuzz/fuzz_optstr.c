/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/attachment.h"
#include "ctl/guests.h"
#include "ctl/netdev_kind.h"
#include "fwd/rule.h"
#include "harness.h"

/*
 * The first byte chooses the use of the rest: a netdev's option string or JSON, a guest's, a
 * forward. Nothing is opened. Every refusal has a reason.
 */
static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_told(bool taken, GError *error)
{
	check(taken == !error);
	check(!error || error->message[0]);
	g_clear_error(&error);
}

/* Accepted options print as an equal string. */
static void check_same(const struct optstr *opts)
{
	const struct netdev_kind *kind = netdev_kind_of(opts, NULL);
	auto_optstr struct optstr *copy = optstr_new("type");

	optstr_take(copy, opts, "type");
	optstr_take(copy, opts, "id");
	for (const struct opt_spec *spec = kind->specs; spec->key; spec++) {
		optstr_take(copy, opts, spec->key);
		check(optstr_same(copy, opts, spec));
	}
	check(attachment_check(copy, NULL));
}

static void fuzz_netdev(const char *text)
{
	GError *error = NULL;
	auto_optstr struct optstr *opts = optstr_parse_any(text, "type", &error);
	bool taken = opts && attachment_check(opts, &error);

	if (taken)
		check_same(opts);
	check_told(taken, error);
}

static void fuzz_guest(const char *text)
{
	GError *error = NULL;
	auto_optstr struct optstr *opts = optstr_parse_any(text, "name", &error);
	struct reservation_spec spec;
	bool taken = opts && guest_options_read(&spec, opts, &error);

	check_told(taken, error);
}

static void fuzz_forward(const char *text)
{
	struct in_addr any = {0};
	struct fwd_rule rule;
	GError *error = NULL;
	bool taken = fwd_rule_parse(&rule, text, any, &error);

	check_told(taken, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = size ? g_strndup((const char *)data + 1, size - 1) : NULL;

	if (!size)
		return 0;
	if (data[0] == 'n')
		fuzz_netdev(text);
	else if (data[0] == 'g')
		fuzz_guest(text);
	else if (data[0] == 'f')
		fuzz_forward(text);
	return 0;
}
