/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_SESSION_H
#define USERNET_TOOLS_CTL_SESSION_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "ctl_table.h"

/*
 * One run of usernetctl: requests, and what is shown of their answers. What returns an int returns
 * an exit status; a mistake was then shown already.
 */
enum { CTL_DONE = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_UNREACHABLE = 3 };

struct ctl_client;

struct ctl_session {
	struct ctl_client *client;
	bool json;
	const char *id;   /* --id: the netdev of hostfwd */
	const char *name; /* of the network */
	bool named;       /* --name was given */
};

int ctl_usage(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* The connection broke; takes @error over. */
int ctl_lost(GError *error);
/* Runs a request; *@result is its "return". An error answer is shown, and is the status. */
int ctl_request_node(struct ctl_session *session, JsonNode *request, JsonNode **result);
/* @args is taken over; may be NULL. */
int ctl_request(struct ctl_session *session, const char *command, JsonObject *args,
		JsonNode **result);
/* Passes @fd and has it called @name (getfd); it stays the caller's. */
int ctl_pass_fd(struct ctl_session *session, int fd, const char *name);
/* A request whose answer says nothing; then @done is shown, if it is not NULL. */
int ctl_change(struct ctl_session *session, const char *command, JsonObject *args,
	       const char *done);
/* A request that returns an array of objects. @empty: what to say when there are none. */
int ctl_show_table(struct ctl_session *session, const char *command,
		   const struct ctl_column *columns, const char *empty);
/* Shows those objects of @rows whose "type" is @type; what there is none of shows nothing. */
void ctl_show_type(JsonArray *rows, const char *type, const struct ctl_column *columns);
/* With --json, shows @node and returns true. */
bool ctl_print_json(const struct ctl_session *session, JsonNode *node);

#endif
