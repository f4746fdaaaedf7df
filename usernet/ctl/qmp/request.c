/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/request.h"

#include <string.h>

#include "base/error.h"
#include "ctl/options/json_text.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/session.h"

JsonNode *request_error(const char *class, const char *desc)
{
	JsonObject *answer = json_object_new();
	JsonObject *error = json_object_new();
	JsonNode *node = json_node_new(JSON_NODE_OBJECT);
	g_autofree char *valid = g_utf8_make_valid(desc, -1);

	json_object_set_string_member(error, "class", class);
	json_object_set_string_member(error, "desc", valid);
	json_object_set_object_member(answer, "error", error);
	json_node_take_object(node, answer);
	return node;
}

static const char *error_class(const GError *error)
{
	if (g_error_matches(error, USERNET_ERROR, ERROR_NOT_FOUND))
		return "DeviceNotFound";
	if (g_error_matches(error, USERNET_ERROR, ERROR_COMMAND_NOT_FOUND))
		return "CommandNotFound";
	return "GenericError";
}

static bool fail(GError **error, const char *format, const char *what)
{
	g_autofree char *text = NULL;
	const char *mark = strstr(format, "%s");

	text = mark ? g_strdup_printf("%.*s%s%s", (int)(mark - format), format, what, mark + 2)
		    : g_strdup(format);
	g_set_error_literal(error, USERNET_ERROR, ERROR_USAGE, text);
	return false;
}

/* The members that a request may have (QEMU qapi/qmp-dispatch.c qmp_dispatch_check_obj). */
static bool check_shape(const struct qmp_session *session, JsonObject *request, GError **error)
{
	bool oob = session->oob && json_object_has_member(request, "exec-oob");
	JsonObjectIter iter;
	const char *name;
	JsonNode *node;

	json_object_iter_init_ordered(&iter, request);
	while (json_object_iter_next_ordered(&iter, &name, &node)) {
		if (!strcmp(name, "execute") || (oob && !strcmp(name, "exec-oob"))) {
			if (json_node_get_value_type(node) != G_TYPE_STRING)
				return fail(error, "QMP input member '%s' must be a string", name);
		} else if (!strcmp(name, "arguments")) {
			if (!JSON_NODE_HOLDS_OBJECT(node))
				return fail(error, "QMP input member '%s' must be an object", name);
		} else if (strcmp(name, "id")) {
			return fail(error, "QMP input member '%s' is unexpected", name);
		}
	}
	if (oob && json_object_has_member(request, "execute"))
		return fail(error, "QMP input member 'exec-oob' clashes with 'execute'", "");
	if (!oob && !json_object_has_member(request, "execute"))
		return fail(error, "QMP input lacks member 'execute'", "");
	return true;
}

static JsonNode *dispatch(struct qmp_session *session, JsonObject *request, GError **error)
{
	g_autoptr(JsonObject) none = json_object_new();
	struct command_call call = {.control = session->control, .session = session};
	const struct command *command;
	const char *name;
	bool oob;

	if (!check_shape(session, request, error))
		return NULL;
	oob = !json_object_has_member(request, "execute");
	name = json_object_get_string_member(request, oob ? "exec-oob" : "execute");
	command = command_find(name);
	if (!session->negotiated && strcmp(name, "qmp_capabilities")) {
		g_set_error(error, USERNET_ERROR, ERROR_COMMAND_NOT_FOUND,
			    "Expecting capabilities negotiation with 'qmp_capabilities'");
		return NULL;
	}
	if (!command) {
		g_set_error(error, USERNET_ERROR, ERROR_COMMAND_NOT_FOUND,
			    "The command %s has not been found", name);
		return NULL;
	}
	if (oob && !command->allow_oob) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE,
			    "The command %s does not support OOB", name);
		return NULL;
	}
	call.args = json_object_has_member(request, "arguments")
			    ? json_object_get_object_member(request, "arguments")
			    : none;
	return command_run(command, &call, error);
}

/* json-glib 1.6 writes 1e30 as 1e+30.0, which is no JSON: the client could not read its answer. */
static bool can_give_back(JsonNode *id)
{
	g_autofree char *text = json_to_string(id, FALSE);
	g_autoptr(JsonNode) again = json_from_string(text, NULL);

	return again != NULL;
}

JsonNode *request_run(struct qmp_session *session, const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) root = NULL;
	JsonObject *request;
	JsonNode *result, *answer, *id;

	root = json_text_parse(text, &error);
	if (!root)
		return request_error("GenericError", error->message);
	if (!JSON_NODE_HOLDS_OBJECT(root))
		return request_error("GenericError", "QMP input must be a JSON object");
	request = json_node_get_object(root);
	id = json_object_get_member(request, "id");
	if (id && !can_give_back(id))
		return request_error("GenericError",
				     "QMP input member 'id' has a number that "
				     "cannot be given back: write it without an exponent");
	result = dispatch(session, request, &error);
	if (result) {
		answer = command_object(json_object_new());
		json_object_set_member(json_node_get_object(answer), "return", result);
	} else {
		answer = request_error(error_class(error), error->message);
	}
	if (id)
		json_object_set_member(json_node_get_object(answer), "id", json_node_copy(id));
	return answer;
}
