/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_session.h"

#include <stdio.h>

#include "ctl_client.h"

int ctl_usage(const char *format, ...)
{
	va_list args;

	fputs("usernetctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("; see usernetctl --help\n", stderr);
	return CTL_USAGE;
}

int ctl_lost(GError *error)
{
	fprintf(stderr, "usernetctl: %s\n", error->message);
	g_error_free(error);
	return CTL_UNREACHABLE;
}

/* Takes ownership of @answer; NULL: the request failed with @error. */
static int take_answer(const struct ctl_session *session, JsonNode *answer, GError *error,
		       JsonNode **result)
{
	g_autoptr(JsonNode) owned = answer;
	JsonObject *object;

	*result = NULL;
	if (!owned)
		return ctl_lost(error);
	object = json_node_get_object(owned);
	if (json_object_has_member(object, "error")) {
		JsonObject *what = json_object_get_object_member(object, "error");
		g_autofree char *text = ctl_table_text(json_object_get_member(what, "desc"));
		g_autofree char *raw = json_to_string(owned, FALSE);

		if (session->json)
			puts(raw);
		fprintf(stderr, "usernetctl: %s\n", text);
		return CTL_REFUSED;
	}
	*result = json_node_copy(json_object_get_member(object, "return"));
	return CTL_DONE;
}

/* Runs a request; *@result is its "return". Prints an error answer and returns its status. */
int ctl_request_node(struct ctl_session *session, JsonNode *request, JsonNode **result)
{
	GError *error = NULL;
	JsonNode *answer = ctl_client_request(session->client, request, &error);

	return take_answer(session, answer, error, result);
}

int ctl_pass_fd(struct ctl_session *session, int fd, const char *name)
{
	g_autofree char *text =
		g_strdup_printf("{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"%s\"}}", name);
	g_autoptr(JsonNode) request = json_from_string(text, NULL), result = NULL;
	GError *error = NULL;
	JsonNode *answer = ctl_client_pass(session->client, request, fd, &error);

	return take_answer(session, answer, error, &result);
}

/* Takes ownership of @args, which may be NULL. */
int ctl_request(struct ctl_session *session, const char *command, JsonObject *args,
		JsonNode **result)
{
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
	JsonObject *object = json_object_new();

	json_object_set_string_member(object, "execute", command);
	if (args)
		json_object_set_object_member(object, "arguments", args);
	json_node_take_object(node, object);
	return ctl_request_node(session, node, result);
}

bool ctl_print_json(const struct ctl_session *session, JsonNode *node)
{
	g_autofree char *text = NULL;

	if (!session->json)
		return false;
	text = json_to_string(node, FALSE);
	puts(text);
	return true;
}

int ctl_show_table(struct ctl_session *session, const char *command,
		   const struct ctl_column *columns, const char *empty)
{
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, command, NULL, &result);

	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	if (json_array_get_length(json_node_get_array(result)) == 0)
		puts(empty);
	else
		ctl_table_print(json_node_get_array(result), columns);
	return status;
}

void ctl_show_type(JsonArray *rows, const char *type, const struct ctl_column *columns)
{
	g_autoptr(JsonArray) chosen = json_array_new();

	for (guint i = 0; i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);

		if (!g_strcmp0(json_object_get_string_member_with_default(row, "type", NULL), type))
			json_array_add_object_element(chosen, json_object_ref(row));
	}
	if (json_array_get_length(chosen))
		ctl_table_print(chosen, columns);
}

int ctl_change(struct ctl_session *session, const char *command, JsonObject *args, const char *done)
{
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, command, args, &result);

	if (status == CTL_DONE && !ctl_print_json(session, result) && done)
		puts(done);
	return status;
}
