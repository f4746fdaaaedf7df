/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_CLIENT_H
#define USERNET_TOOLS_CTL_CLIENT_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

/* A blocking QMP client for a person's command: one request at a time. */
struct ctl_client;

/*
 * Where networks of this user have their run directories, of those that exist and are ours:
 * $XDG_RUNTIME_DIR/usernet, /run/user/UID/usernet and /tmp/usernet-UID. usernet chooses by its own
 * environment, which need not be ours. NULL-terminated, newly allocated.
 */
char **ctl_client_bases(void);
/* The control socket of @name: of the one that runs, else where it would be. Newly allocated. */
char *ctl_client_default_path(const char *name);
/* Connects and negotiates. NULL: not reachable, with @error. */
struct ctl_client *ctl_client_new(const char *path, GError **error);
void ctl_client_free(struct ctl_client *client);

/*
 * Sends @request and waits for its answer, the whole of it ("return" or "error"). Events on the way
 * are dropped. NULL: the connection broke.
 */
JsonNode *ctl_client_request(struct ctl_client *client, JsonNode *request, GError **error);
/* The same, with @fd passed along (SCM_RIGHTS), which stays the caller's. */
JsonNode *ctl_client_pass(struct ctl_client *client, JsonNode *request, int fd, GError **error);
/* The socket, to poll for what ctl_client_read() reads. */
int ctl_client_fd(const struct ctl_client *client);
/* The next message, whatever it is. */
JsonNode *ctl_client_read(struct ctl_client *client, GError **error);

#endif
