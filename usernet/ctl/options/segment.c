/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/options/segment.h"

#include <string.h>

#include "base/error.h"
#include "net/netdev.h"

bool segment_check(const struct optstr *opts, GError **error)
{
	const char *isolate = optstr_get(opts, "isolate");
	bool on;

	if (!isolate || optstr_parse_bool(isolate, &on) || netdev_check_id(NULL, isolate, NULL))
		return true;
	return error_usage(error,
			   "isolate=%s is neither 'on', 'off' nor the name of a group: a letter, "
			   "then letters, digits, '-', '.' and '_'",
			   isolate);
}

void segment_apply(struct netdev *netdev, const struct optstr *opts)
{
	const char *isolate = optstr_get(opts, "isolate");
	bool on;

	if (isolate && optstr_parse_bool(isolate, &on))
		isolate = on ? "on" : "off";
	netdev_set_isolate(netdev, isolate);
	netdev->unguarded = !optstr_bool(opts, "guard", true);
}
