/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_DOORS_SLIRP4NETNS_H
#define USERNET_CTL_DOORS_SLIRP4NETNS_H

#include <glib.h>

/*
 * The API socket of slirp4netns (slirp4netns(1), API SOCKET; its api.c, measured with 1.2.0): one
 * JSON request per connection, one answer, end. Its clients close their side after the request; we
 * answer as soon as the request is whole.
 *
 *     {"execute": "add_hostfwd", "arguments": {"proto": "tcp", "host_addr": "0.0.0.0",
 *         "host_port": 8080, "guest_addr": "10.0.2.100", "guest_port": 80}}
 *                                      {"return":{"id":1}}
 *     {"execute": "list_hostfwd"}      {"entries":[{"id":1,"proto":"tcp",…}]}
 *     {"execute": "remove_hostfwd", "arguments": {"id": 1}}
 *                                      {"return":{}}
 *
 * Errors are {"error":{"desc":"bad request: …"}}. Rules go to the first `user` netdev; list_hostfwd
 * shows those that this door added. Ports outside 1 to 65535 are refused, which slirp4netns cuts to
 * 16 bits.
 */
struct control;
struct slirp4netns;

#define SLIRP4NETNS_MAX_REQUEST 4095 /* bytes; as in its api.c */
#define SLIRP4NETNS_MAX_SECONDS 10   /* for request and answer; a slower client is closed */

/* NULL: the socket cannot be made. */
struct slirp4netns *slirp4netns_new(struct control *control, const char *path, GError **error);
/* NULL is allowed. */
void slirp4netns_free(struct slirp4netns *self);

#endif
