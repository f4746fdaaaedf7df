/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/doors/doors.h"

#include "ctl/doors/gvproxy.h"
#include "ctl/doors/slirp4netns.h"
#include "ctl/options/settings.h"

bool doors_open(struct doors *doors, struct control *control, const struct settings *settings,
		const char **key, GError **error)
{
	*key = "slirp4netns-api";
	if (settings->slirp4netns_api) {
		doors->slirp4netns = slirp4netns_new(control, settings->slirp4netns_api, error);
		if (!doors->slirp4netns)
			return false;
	}
	*key = "gvproxy-api";
	if (settings->gvproxy_api) {
		doors->gvproxy = gvproxy_new(control, settings->gvproxy_api, error);
		if (!doors->gvproxy)
			return false;
	}
	return true;
}

void doors_close(struct doors *doors)
{
	slirp4netns_free(doors->slirp4netns);
	gvproxy_free(doors->gvproxy);
	doors->slirp4netns = NULL;
	doors->gvproxy = NULL;
}
