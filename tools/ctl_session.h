/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_SESSION_H
#define USERNET_TOOLS_CTL_SESSION_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "ctl_table.h"

/*
 * One run of usernetctl: sends requests and prints the answers. Functions that return int return an
 * exit status and have printed the error.
 */
enum { CTL_DONE = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_UNREACHABLE = 3 };

struct ctl_client;
struct ctl_enter;

struct ctl_session {
	struct ctl_client *client;
	bool json;
	const char *id;            /* --id: the netdev of hostfwd */
	const char *filter, *file; /* -f and -w of capture */
	const char *name;          /* the network's name */
	bool named;                /* --name was given */
	const char *socket;        /* --socket; NULL: of the name */
	const char *guest;         /* --guest */
	const char *format;        /* --format */
	bool follow;               /* --follow of log */
	bool transit;              /* --transit: the netdev of pipe is no uplink */
	const struct ctl_enter *enter;
};

int ctl_usage(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* The connection broke; takes ownership of @error. */
int ctl_lost(GError *error);
/* Runs a request; *@result is its "return". Prints an error answer and returns its status. */
int ctl_request_node(struct ctl_session *session, JsonNode *request, JsonNode **result);
/* Takes ownership of @args, which may be NULL. */
int ctl_request(struct ctl_session *session, const char *command, JsonObject *args,
		JsonNode **result);
/* Passes @fd under the name @name (getfd); the caller keeps it. */
int ctl_pass_fd(struct ctl_session *session, int fd, const char *name);
/* A request without a result; prints @done on success, if it is not NULL. */
int ctl_change(struct ctl_session *session, const char *command, JsonObject *args,
	       const char *done);
/* A request that returns an array of objects. @empty: printed when there are none. */
int ctl_show_table(struct ctl_session *session, const char *command,
		   const struct ctl_column *columns, const char *empty);
/* Prints the objects of @rows whose "type" is @type; prints nothing when there are none. */
void ctl_show_type(JsonArray *rows, const char *type, const struct ctl_column *columns);
/* With --json, prints @node and returns true. */
bool ctl_print_json(const struct ctl_session *session, JsonNode *node);

#endif
