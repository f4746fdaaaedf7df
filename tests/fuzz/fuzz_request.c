/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <string.h>

#include "ctl/qmp/json_splitter.h"
#include "ctl/qmp/request.h"
#include "ctl/qmp/session.h"
#include "harness.h"

/*
 * Bytes of a QMP client, in pieces of any size: split into values and run as requests of a session
 * that has not negotiated, so that no command runs.
 */
struct seen {
	unsigned n;
	GString *all;
	bool over;
};

static bool each(void *data, enum json_split_event event, const char *text)
{
	static struct qmp_session session;
	struct seen *seen = data;
	g_autoptr(JsonNode) answer = NULL;

	g_string_append_printf(seen->all, "%d %s\n", event, text ? text : "");
	seen->n++;
	if (event == JSON_SPLIT_TOO_LARGE) {
		seen->over = true;
		return false;
	}
	/* The one command allowed would negotiate. */
	if (event != JSON_SPLIT_VALUE || !text || strstr(text, "\\") ||
	    strstr(text, "capabilities"))
		return true;
	answer = request_run(&session, text);
	g_assert_true(JSON_NODE_HOLDS_OBJECT(answer));
	g_assert_true(json_object_has_member(json_node_get_object(answer), "error"));
	g_assert_false(session.negotiated);
	return true;
}

static void feed(struct seen *seen, const char *bytes, size_t len, size_t piece)
{
	struct json_splitter *splitter = json_splitter_new(each, seen);

	for (size_t at = 0; at < len && !seen->over; at += piece)
		json_splitter_feed(splitter, bytes + at, MIN(piece, len - at));
	json_splitter_free(splitter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = {0, g_string_new(NULL), false};
	struct seen pieces = {0, g_string_new(NULL), false};

	feed(&whole, (const char *)data, size, size + 1);
	feed(&pieces, (const char *)data, size, 1);
	g_assert_cmpuint(whole.n, ==, pieces.n);
	g_assert_cmpstr(whole.all->str, ==, pieces.all->str);
	g_string_free(whole.all, TRUE);
	g_string_free(pieces.all, TRUE);
	return 0;
}
