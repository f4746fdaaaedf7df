/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/netdev_kind.h"

#include <string.h>

#include "base/error.h"
#include "ctl/forwards.h"
#include "ctl/guest_forwards.h"
#include "ctl/options/segment.h"
#include "net/netdev.h"

const struct netdev_kind *const netdev_kinds[] = {
	&netdev_kind_user, &netdev_kind_stream, &netdev_kind_dgram, &netdev_kind_socket,
	&netdev_kind_tap,  &netdev_kind_vde,    &netdev_kind_vxlan, NULL,
};

const struct netdev_kind *netdev_kind_of(const struct optstr *opts, GError **error)
{
	const char *name = optstr_get(opts, "type");
	g_autoptr(GString) known = g_string_new(NULL);

	for (size_t i = 0; netdev_kinds[i]; i++) {
		if (name && !strcmp(netdev_kinds[i]->name, name))
			return netdev_kinds[i];
		g_string_append_printf(known, "%s%s", i ? ", " : "", netdev_kinds[i]->name);
	}
	if (name)
		error_usage(error,
			    "Parameter 'type' does not accept value '%s'; the netdevs are %s", name,
			    known->str);
	else
		error_usage(error, "Parameter 'type' is missing; the netdevs are %s", known->str);
	return NULL;
}

bool attachment_check(struct optstr *opts, GError **error)
{
	const struct netdev_kind *kind = netdev_kind_of(opts, error);

	if (!kind || !optstr_check(opts, kind->name, kind->specs, error))
		return false;
	if (!optstr_get(opts, "id"))
		return error_usage(error, "Parameter 'id' is missing: write %s,id=NAME",
				   kind->name);
	if (!netdev_check_id(NULL, optstr_get(opts, "id"), error))
		return error_blame_usage(error);
	if (kind != &netdev_kind_user && !segment_check(opts, error))
		return false;
	return kind->check(opts, error);
}

struct attachment *attachment_new(struct network *network, struct optstr *opts,
				  struct fd_source *fds, const char *state_dir, GError **error)
{
	struct attachment *attachment = g_new0(struct attachment, 1);

	list_init(&attachment->link);
	attachment->opts = opts;
	attachment->state_dir = state_dir;
	if (!attachment_check(opts, error) ||
	    !netdev_check_id(network, optstr_get(opts, "id"), error) ||
	    !netdev_kind_of(opts, NULL)->build(attachment, network, fds, error)) {
		attachment_free(attachment);
		return NULL;
	}
	if (attachment->role != ATTACHMENT_GATEWAY)
		segment_apply(attachment->netdev, opts);
	else
		segment_apply_vlans(attachment->netdev, opts);
	return attachment;
}

void attachment_free(struct attachment *attachment)
{
	if (!attachment)
		return;
	forwards_free(attachment->forwards);
	guest_forwards_free(attachment->guest_forwards);
	if (attachment->netdev)
		attachment->netdev->ops->destroy(attachment->netdev);
	optstr_free(attachment->opts);
	g_free(attachment);
}
