/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_CLIENT_H
#define USERNET_TOOLS_CTL_CLIENT_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

/* A blocking QMP client for the command line: one request at a time. */
struct ctl_client;

/*
 * The existing directories of this user's run directories, owned by us: $XDG_RUNTIME_DIR/usernet,
 * /run/user/UID/usernet and /tmp/usernet-UID. usernet's environment, which selects one, may differ
 * from ours. NULL-terminated, newly allocated.
 */
char **ctl_client_bases(void);
/* The control socket of @name: of the running network, else the default path. Newly allocated. */
char *ctl_client_default_path(const char *name);
/* Connects and negotiates. NULL: @error says why it failed. */
struct ctl_client *ctl_client_new(const char *path, GError **error);
void ctl_client_free(struct ctl_client *client);

/*
 * Sends @request and waits for its answer, the whole message ("return" or "error"). Discards
 * events. NULL: the connection broke.
 */
JsonNode *ctl_client_request(struct ctl_client *client, JsonNode *request, GError **error);
/* The same, passing @fd (SCM_RIGHTS), which the caller keeps. */
JsonNode *ctl_client_pass(struct ctl_client *client, JsonNode *request, int fd, GError **error);
/* The socket, to poll before ctl_client_read(). */
int ctl_client_fd(const struct ctl_client *client);
/* The next message of any kind. */
JsonNode *ctl_client_read(struct ctl_client *client, GError **error);

#endif
