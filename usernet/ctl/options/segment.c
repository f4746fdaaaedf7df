/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/options/segment.h"

#include <string.h>

#include "base/error.h"
#include "net/netdev.h"

static bool parse_trunk(const struct optstr *opts, struct vlan_set *set, GError **error)
{
	g_autofree const char **texts = optstr_all(opts, "trunk");

	for (unsigned i = 0; texts[i]; i++) {
		if (!vlan_set_parse(set, texts[i]))
			return error_usage(
				error, "trunk=%s is not a list of VLANs, 1 to %d, like 10;20..30",
				texts[i], VLAN_MAX);
	}
	return true;
}

bool segment_check(const struct optstr *opts, GError **error)
{
	struct vlan_set set = {0};
	const char *isolate = optstr_get(opts, "isolate");
	bool on;

	if (!parse_trunk(opts, &set, error))
		return false;
	if (!isolate || optstr_parse_bool(isolate, &on) || netdev_check_id(NULL, isolate, NULL))
		return true;
	return error_usage(error,
			   "isolate=%s is neither 'on', 'off' nor the name of a group: a letter, "
			   "then letters, digits, '-', '.' and '_'",
			   isolate);
}

void segment_apply_vlans(struct netdev *netdev, const struct optstr *opts)
{
	struct vlan_set set = {0};

	(void)parse_trunk(opts, &set, NULL);
	netdev_set_vlans(netdev, (uint16_t)optstr_number(opts, "vlan", 0),
			 optstr_get(opts, "trunk") ? &set : NULL);
}

void segment_apply(struct netdev *netdev, const struct optstr *opts)
{
	const char *isolate = optstr_get(opts, "isolate");
	bool on;

	if (isolate && optstr_parse_bool(isolate, &on))
		isolate = on ? "on" : "off";
	netdev_set_isolate(netdev, isolate);
	segment_apply_vlans(netdev, opts);
	netdev_set_uplink(netdev, optstr_bool(opts, "uplink", netdev->uplink));
	netdev->unguarded = !optstr_bool(opts, "guard", true);
}
