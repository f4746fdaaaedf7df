/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_COMMAND_H
#define USERNET_CTL_QMP_COMMAND_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

/*
 * The table of commands: QMP executes them, query-commands lists them, HMP and usernetctl map to
 * them. Arguments are checked against the table before the handler is called.
 */
struct control;
struct qmp;
struct qmp_session;

struct command_call {
	struct control *control;
	struct qmp_session *session;
	JsonObject *args; /* never NULL; checked against the table */
};

enum command_arg_type { ARG_STRING, ARG_BOOL, ARG_INTEGER, ARG_STRINGS, ARG_ANY };
#define COMMAND_MAX_ARGS 4

/* For query-qmp-schema: what a command returns. */
enum command_result { RETURNS_NOTHING, RETURNS_OBJECT, RETURNS_OBJECTS, RETURNS_STRING };

struct command {
	const char *name;
	/* NULL: failed, @error is set. */
	JsonNode *(*run)(struct command_call *call, GError **error);
	struct command_arg {
		const char *name;
		enum command_arg_type type;
		bool optional;
	} args[COMMAND_MAX_ARGS];
	enum command_result result;
	bool any_args;  /* the handler checks the arguments: netdev_add */
	bool allow_oob; /* exec-oob is allowed: it changes nothing and is quick */
};

/* Tables end with a NULL name. */
extern const struct command commands_session[]; /* command_session.c */
extern const struct command commands_version[]; /* command_version.c */
extern const struct command commands_config[];  /* command_config.c */
extern const struct command commands_connect[]; /* command_connect.c */
extern const struct command commands_guest[];   /* command_guest.c */
extern const struct command commands_dns[];     /* command_dns.c */
extern const struct command commands_policy[];  /* command_policy.c */
extern const struct command commands_verdict[]; /* command_verdict.c */
extern const struct command commands_query[];   /* command_query.c */

const struct command *command_find(const char *name);
void command_foreach(void (*each)(void *data, const struct command *command), void *data);
/* Checks call->args and runs the command; errors are QEMU's. */
JsonNode *command_run(const struct command *command, struct command_call *call, GError **error);

/* An empty object, the result of a command that returns nothing. */
JsonNode *command_done(void);
/* Wraps @object; takes ownership. */
JsonNode *command_object(JsonObject *object);
JsonNode *command_array(JsonArray *array);
/* NULL when not given. */
const char *command_string(const struct command_call *call, const char *name);

#endif
