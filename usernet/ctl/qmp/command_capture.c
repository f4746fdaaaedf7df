/* SPDX-License-Identifier: BSD-3-Clause */
#include <unistd.h>

#include "base/error.h"
#include "capture/captures.h"
#include "capture/filter.h"
#include "ctl/control.h"
#include "ctl/fd_names.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/session.h"
#include "net/guest.h"
#include "net/mac.h"
#include "net/network.h"
#include "net/reservation.h"

/* Captures begin and end while the network runs. The client passes the descriptor. */

/* A netdev's id, a port, or a guest's name or MAC address, which need not be there yet. */
static bool find_target(struct control *control, const char *name, struct capture_spec *spec,
			GError **error)
{
	const struct reservation *reservation;
	const struct guest *guest;

	spec->name = name;
	if (!name)
		spec->scope = CAPTURE_NETWORK;
	else if (control_find(control, name))
		spec->scope = CAPTURE_NETDEV;
	else if (network_find_port(control->network, name))
		spec->scope = CAPTURE_PORT;
	else
		spec->scope = CAPTURE_GUEST;
	if (spec->scope != CAPTURE_GUEST || guest_mac_parse(name, &spec->mac))
		return true;
	guest = guest_by_name(control->network->guests, name);
	reservation = reservation_by_name(control->network->reservations, name);
	if (guest || reservation) {
		spec->mac = guest ? guest->mac : reservation->mac;
		return true;
	}
	g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND, "Device '%s' not found", name);
	return false;
}

static bool read_snap_len(const struct command_call *call, struct capture_spec *spec,
			  GError **error)
{
	gint64 len = json_object_get_int_member_with_default(call->args, "snaplen", 0);

	if (len != 0 && (len < CAPTURE_SNAP_MIN || len > CAPTURE_SNAP_MAX))
		return error_usage(error, "Parameter 'snaplen' expects a number from %d to %d",
				   CAPTURE_SNAP_MIN, CAPTURE_SNAP_MAX);
	spec->snap_len = (uint32_t)len;
	return true;
}

static JsonNode *capture_start(struct command_call *call, GError **error)
{
	const char *program = command_string(call, "filter");
	struct capture_spec spec = {0};
	struct capture *capture;
	JsonObject *object;

	if (!find_target(call->control, command_string(call, "name"), &spec, error) ||
	    !read_snap_len(call, &spec, error))
		return NULL;
	if (program && !(spec.filter = filter_new(program, error)))
		return NULL;
	spec.fd = call->session->fds.source.take(&call->session->fds.source,
						 command_string(call, "fdname"), error);
	if (spec.fd < 0) {
		filter_free(spec.filter);
		return NULL;
	}
	capture = captures_add(call->control->captures, &spec, error);
	if (!capture) {
		close(spec.fd);
		return NULL;
	}
	object = json_object_new();
	json_object_set_string_member(object, "id", capture_id(capture));
	return command_object(object);
}

static void set_counts(JsonObject *object, struct capture_counts counts)
{
	json_object_set_int_member(object, "frames", (gint64)counts.frames);
	json_object_set_int_member(object, "bytes", (gint64)counts.bytes);
	json_object_set_int_member(object, "lost", (gint64)counts.lost);
}

static JsonNode *capture_stop(struct command_call *call, GError **error)
{
	struct capture_counts counts;
	JsonObject *object;

	if (!captures_remove(call->control->captures, command_string(call, "id"), &counts, error))
		return NULL;
	object = json_object_new();
	set_counts(object, counts);
	return command_object(object);
}

static void add_capture(void *data, struct capture *capture)
{
	static const char *const scopes[] = {"network", "netdev", "port", "guest"};
	JsonObject *object = json_object_new();

	json_object_set_string_member(object, "id", capture_id(capture));
	json_object_set_string_member(object, "scope", scopes[capture_scope(capture)]);
	if (capture_name(capture))
		json_object_set_string_member(object, "name", capture_name(capture));
	set_counts(object, capture_counts(capture));
	json_array_add_object_element(data, object);
}

static JsonNode *query_captures(struct command_call *call, GError **error)
{
	JsonArray *array = json_array_new();

	captures_foreach(call->control->captures, add_capture, array);
	return command_array(array);
}

const struct command commands_capture[] = {
	{"capture-start", capture_start,
	 .args = {{"fdname", ARG_STRING, false},
		  {"name", ARG_STRING, true},
		  {"filter", ARG_STRING, true},
		  {"snaplen", ARG_INTEGER, true}},
	 .result = RETURNS_OBJECT},
	{"capture-stop", capture_stop, .args = {{"id", ARG_STRING, false}},
	 .result = RETURNS_OBJECT},
	{"query-captures", query_captures, .result = RETURNS_OBJECTS},
	{NULL},
};
