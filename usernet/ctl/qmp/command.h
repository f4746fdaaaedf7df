/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_COMMAND_H
#define USERNET_CTL_QMP_COMMAND_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

/*
 * The one table of commands: QMP executes them, query-commands lists them, HMP and usernetctl are
 * other words for them. Arguments are checked against the table before a handler sees them.
 */
struct control;
struct fd_names;

struct command_call {
	struct control *control;
	struct fd_names *fds; /* of the session */
	bool *negotiated;     /* of the session: qmp_capabilities was given */
	JsonObject *args;     /* never NULL; as the table says */
};

enum command_arg_type { ARG_STRING, ARG_BOOL, ARG_INTEGER, ARG_ARRAY };
#define COMMAND_MAX_ARGS 4

struct command {
	const char *name;
	/* NULL: failed, with @error. */
	JsonNode *(*run)(struct command_call *call, GError **error);
	struct command_arg {
		const char *name;
		enum command_arg_type type;
		bool optional;
	} args[COMMAND_MAX_ARGS];
	bool any_args; /* the handler checks them itself: netdev_add */
};

/* Tables end with a NULL name. */
extern const struct command commands_session[]; /* command_session.c */
extern const struct command commands_config[];  /* command_config.c */
extern const struct command commands_connect[]; /* command_connect.c */
extern const struct command commands_guest[];   /* command_guest.c */
extern const struct command commands_dns[];     /* command_dns.c */
extern const struct command commands_policy[];  /* command_policy.c */
extern const struct command commands_query[];   /* command_query.c */

const struct command *command_find(const char *name);
void command_foreach(void (*each)(void *data, const struct command *command), void *data);
/* Checks call->args and runs; errors in QEMU's words. */
JsonNode *command_run(const struct command *command, struct command_call *call, GError **error);

/* An empty object, what a command without a result returns. */
JsonNode *command_done(void);
/* Wrap, taking over. */
JsonNode *command_object(JsonObject *object);
JsonNode *command_array(JsonArray *array);
/* NULL when not given. */
const char *command_string(const struct command_call *call, const char *name);

#endif
