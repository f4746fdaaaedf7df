/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/query.h"
#include "sandbox/sandbox.h"

JsonObject *query_sandbox(const struct sandbox *sandbox)
{
	JsonObject *object = json_object_new();
	JsonArray *missing = json_array_new();

	json_object_set_string_member(object, "mode", sandbox_mode_name(sandbox));
	for (enum sandbox_part part = 0; part < SANDBOX_PARTS; part++) {
		const char *name = sandbox_part_name(part), *why = sandbox_missing(sandbox, part);

		json_object_set_boolean_member(object, name, sandbox_has(sandbox, part));
		if (why) {
			g_autofree char *text = g_strdup_printf("%s: %s", name, why);

			json_array_add_string_element(missing, text);
		}
	}
	json_object_set_array_member(object, "missing", missing);
	return object;
}
