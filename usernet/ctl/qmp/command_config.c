/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"
#include "ctl/attachment.h"
#include "ctl/control.h"
#include "ctl/fd_names.h"
#include "ctl/forwards.h"
#include "ctl/guest_forwards.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/query.h"
#include "ctl/qmp/session.h"
#include "net/netdev.h"

/* Commands that change the configuration. */

static JsonNode *netdev_add(struct command_call *call, GError **error)
{
	g_autoptr(JsonNode) yes = json_node_init_boolean(json_node_alloc(), TRUE);
	bool ends = json_object_has_member(call->args, "with-client");
	struct attachment *attachment;
	struct optstr *opts;

	/* Ours: the netdev ends with this client's connection. */
	if (ends && !json_node_equal(json_object_get_member(call->args, "with-client"), yes)) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE,
			    "Parameter 'with-client' expects true, or is left out");
		return NULL;
	}
	json_object_remove_member(call->args, "with-client");
	opts = optstr_from_json(call->args, error);
	attachment = opts ? control_add_netdev(call->control, opts, &call->session->fds.source,
					       ORIGIN_LIVE, error)
			  : NULL;
	if (!attachment)
		return NULL;
	attachment->session = ends ? call->session : NULL;
	return command_done();
}

static JsonNode *netdev_del(struct command_call *call, GError **error)
{
	if (!control_del_netdev(call->control, command_string(call, "id"), error))
		return NULL;
	return command_done();
}

static JsonNode *set_link(struct command_call *call, GError **error)
{
	if (!control_set_link(call->control, command_string(call, "name"),
			      json_object_get_boolean_member(call->args, "up"), error))
		return NULL;
	return command_done();
}

static JsonNode *hostfwd_add(struct command_call *call, GError **error)
{
	struct attachment *user =
		control_find_user(call->control, command_string(call, "id"), error);
	const struct fwd_entry *entry;

	if (!user)
		return NULL;
	entry = forwards_add(user->forwards, command_string(call, "rule"), error);
	if (!entry)
		return NULL;
	if (json_object_get_boolean_member_with_default(call->args, "with-client", FALSE))
		g_ptr_array_add(
			call->session->rules,
			forwards_canonical(user->forwards, command_string(call, "rule"), NULL));
	return command_object(query_forward(user, entry));
}

void session_end(struct qmp_session *session)
{
	struct attachment *user = control_find_user(session->control, NULL, NULL);

	for (guint i = 0; user && i < session->rules->len; i++)
		forwards_drop(user->forwards, g_ptr_array_index(session->rules, i));
	g_ptr_array_unref(session->rules);
	control_end_session(session->control, session);
}

static JsonNode *hostfwd_remove(struct command_call *call, GError **error)
{
	struct attachment *user =
		control_find_user(call->control, command_string(call, "id"), error);

	if (!user || !forwards_remove(user->forwards, command_string(call, "rule"), error))
		return NULL;
	return command_done();
}

static JsonNode *guestfwd_add(struct command_call *call, GError **error)
{
	struct attachment *user =
		control_find_user(call->control, command_string(call, "id"), error);
	const struct guest_forward *entry;

	if (!user)
		return NULL;
	entry = guest_forwards_add(user->guest_forwards, command_string(call, "rule"), error);
	return entry ? command_object(query_guest_forward(user, entry)) : NULL;
}

static JsonNode *guestfwd_remove(struct command_call *call, GError **error)
{
	struct attachment *user =
		control_find_user(call->control, command_string(call, "id"), error);

	if (!user ||
	    !guest_forwards_remove(user->guest_forwards, command_string(call, "rule"), error))
		return NULL;
	return command_done();
}

const struct command commands_config[] = {
	{"netdev_add", netdev_add, .any_args = true},
	{"netdev_del", netdev_del, .args = {{"id", ARG_STRING, false}}},
	{"set_link", set_link, .args = {{"name", ARG_STRING, false}, {"up", ARG_BOOL, false}}},
	{"hostfwd-add", hostfwd_add,
	 .args = {{"rule", ARG_STRING, false},
		  {"id", ARG_STRING, true},
		  {"with-client", ARG_BOOL, true}},
	 .result = RETURNS_OBJECT},
	{"hostfwd-remove", hostfwd_remove,
	 .args = {{"rule", ARG_STRING, false}, {"id", ARG_STRING, true}}},
	{"guestfwd-add", guestfwd_add,
	 .args = {{"rule", ARG_STRING, false}, {"id", ARG_STRING, true}}, .result = RETURNS_OBJECT},
	{"guestfwd-remove", guestfwd_remove,
	 .args = {{"rule", ARG_STRING, false}, {"id", ARG_STRING, true}}},
	{NULL},
};
