/* SPDX-License-Identifier: BSD-3-Clause */
#include <unistd.h>

#include "base/error.h"
#include "ctl/control.h"
#include "ctl/fd_names.h"
#include "ctl/forwards.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/session.h"

/* Connects a descriptor passed by the client to a guest, without using a host port. */

static JsonNode *connect_guest(struct command_call *call, GError **error)
{
	struct attachment *user =
		control_find_user(call->control, command_string(call, "id"), error);
	gint64 port = json_object_get_int_member(call->args, "port");
	int fd;

	if (!user)
		return NULL;
	if (port < 1 || port > 65535) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE,
			    "Parameter 'port' expects a number from 1 to 65535");
		return NULL;
	}
	fd = call->session->fds.source.take(&call->session->fds.source,
					    command_string(call, "fdname"), error);
	if (fd < 0)
		return NULL;
	if (!forwards_connect(user->forwards, command_string(call, "guest"), (uint16_t)port, fd,
			      error)) {
		close(fd);
		return NULL;
	}
	return command_done();
}

const struct command commands_connect[] = {
	{"connect", connect_guest,
	 .args = {{"guest", ARG_STRING, false},
		  {"port", ARG_INTEGER, false},
		  {"fdname", ARG_STRING, false},
		  {"id", ARG_STRING, true}}},
	{NULL},
};
