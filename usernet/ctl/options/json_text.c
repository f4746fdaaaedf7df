/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/options/json_text.h"

#include <string.h>

#include "base/error.h"

JsonNode *json_text_parse(const char *text, GError **error)
{
	g_autoptr(GError) why = NULL;
	JsonNode *node = NULL;
	const char *message = "invalid UTF-8 sequence";

	if (g_utf8_validate(text, -1, NULL)) {
		node = json_from_string(text, &why);
		/* Strip json-glib's prefix "<data>:1:6: Parse error: ". */
		message = why ? strstr(why->message, "error: ") : NULL;
		message = message ? message + strlen("error: ") : "expecting value";
	}
	if (!node)
		g_set_error(error, USERNET_ERROR, ERROR_USAGE, "JSON parse error, %s", message);
	return node;
}
