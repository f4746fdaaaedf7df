/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/netdev_options.h"

#include <string.h>

#include "ctl/error.h"
#include "ctl/forwards.h"
#include "net/netdev.h"

static const struct netdev_kind *const kinds[] = {
	&netdev_kind_user,
	&netdev_kind_stream,
	&netdev_kind_dgram,
	&netdev_kind_socket,
};

bool netdev_options_fail(GError **error, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, CTL_ERROR, CTL_ERROR_USAGE, text);
	return false;
}

static const struct netdev_kind *find_kind(const struct optstr *opts, GError **error)
{
	const char *name = optstr_get(opts, "type");
	g_autoptr(GString) known = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (name && !strcmp(kinds[i]->name, name))
			return kinds[i];
		g_string_append_printf(known, "%s%s", i ? ", " : "", kinds[i]->name);
	}
	if (name)
		netdev_options_fail(
			error, "Parameter 'type' does not accept value '%s'; the netdevs are %s",
			name, known->str);
	else
		netdev_options_fail(error, "Parameter 'type' is missing; the netdevs are %s",
				    known->str);
	return NULL;
}

struct attachment *attachment_new(struct network *network, struct optstr *opts,
				  struct fd_source *fds, GError **error)
{
	struct attachment *attachment = g_new0(struct attachment, 1);
	const struct netdev_kind *kind;
	bool ok;

	list_init(&attachment->link);
	attachment->opts = opts;
	kind = find_kind(opts, error);
	ok = kind && optstr_check(opts, kind->name, kind->specs, error);
	if (ok && !optstr_get(opts, "id"))
		ok = netdev_options_fail(error, "Parameter 'id' is missing: write %s,id=NAME",
					 kind->name);
	ok = ok && netdev_check_id(network, optstr_get(opts, "id"), error) &&
	     kind->build(attachment, network, fds, error);
	if (!ok) {
		attachment_free(attachment);
		return NULL;
	}
	return attachment;
}

void attachment_free(struct attachment *attachment)
{
	if (!attachment)
		return;
	forwards_free(attachment->forwards);
	if (attachment->netdev)
		attachment->netdev->ops->destroy(attachment->netdev);
	optstr_free(attachment->opts);
	g_free(attachment);
}
