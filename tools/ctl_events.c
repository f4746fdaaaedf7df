/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_events.h"

#include <stdio.h>
#include <time.h>

#include "ctl_client.h"

static void print_event(JsonObject *event)
{
	JsonObject *stamp = json_object_get_object_member(event, "timestamp");
	time_t seconds = (time_t)json_object_get_int_member(stamp, "seconds");
	g_autofree char *data = ctl_table_text(json_object_get_member(event, "data"));
	char when[32];
	struct tm tm;

	strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&seconds, &tm));
	printf("%s %s %s\n", when, json_object_get_string_member(event, "event"), data);
}

int ctl_run_events(struct ctl_session *session, char **params)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;) {
		GError *error = NULL;
		g_autoptr(JsonNode) node = ctl_client_read(session->client, &error);

		if (!node)
			return ctl_lost(error);
		if (!ctl_print_json(session, node))
			print_event(json_node_get_object(node));
		/* The network quit as requested. */
		if (!g_strcmp0(json_object_get_string_member_with_default(
				       json_node_get_object(node), "event", NULL),
			       "SHUTDOWN"))
			return CTL_DONE;
	}
}
