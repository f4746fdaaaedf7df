/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_DOORS_GVPROXY_API_H
#define USERNET_CTL_DOORS_GVPROXY_API_H

#include <glib.h>

#include "ctl/doors/door_rules.h"

/*
 * What gvproxy's HTTP API asks and is told (gvisor-tap-vsock pkg/client/client.go,
 * pkg/services/forwarder/ports.go), without HTTP:
 *
 *     POST /services/forwarder/expose    {"local":":6443","remote":"10.0.2.15:6443",
 *                                         "protocol":"tcp"}
 *     POST /services/forwarder/unexpose  {"local":":6443","protocol":"tcp"}
 *     GET  /services/forwarder/all       [{"local":…,"remote":…,"protocol":…}]
 *     GET  /leases, /services/dhcp/leases   {"10.0.2.15":"52:54:00:12:34:56"}
 *
 * Protocols are tcp (the default), udp, and unix, whose local is a path and whose remote is
 * tcp://ADDRESS:PORT. A remote may name a guest. "all" also shows rules that were added elsewhere.
 * Rules go to the first `user` netdev.
 */
struct control;

struct gvproxy_api {
	struct control *control;
	struct door_rules rules;
};

void gvproxy_api_init(struct gvproxy_api *api, struct control *control);
void gvproxy_api_clear(struct gvproxy_api *api);
/*
 * The HTTP status of the answer; *@answer is its body, newly allocated. @body: the request's, ""
 * for none.
 */
unsigned gvproxy_api_run(struct gvproxy_api *api, const char *method, const char *path,
			 const char *body, char **answer);

#endif
