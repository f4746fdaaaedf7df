/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/version.h"

#include <stdio.h>

JsonObject *version_json(void)
{
	JsonObject *version = json_object_new();
	JsonObject *triple = json_object_new();
	int major = 0, minor = 0, micro = 0;

	sscanf(USERNET_VERSION, "%d.%d.%d", &major, &minor, &micro);
	json_object_set_int_member(triple, "micro", micro);
	json_object_set_int_member(triple, "minor", minor);
	json_object_set_int_member(triple, "major", major);
	json_object_set_object_member(version, "qemu", triple);
	json_object_set_string_member(version, "package", "usernet " USERNET_VERSION);
	return version;
}
