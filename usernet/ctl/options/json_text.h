/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_JSON_TEXT_H
#define USERNET_CTL_OPTIONS_JSON_TEXT_H

#include <glib.h>
#include <json-glib/json-glib.h>

/* Parses one JSON value from a client; NULL and "JSON parse error, …" (ERROR_USAGE). */
JsonNode *json_text_parse(const char *text, GError **error);

#endif
