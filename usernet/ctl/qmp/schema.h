/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_SCHEMA_H
#define USERNET_CTL_QMP_SCHEMA_H

#include <json-glib/json-glib.h>

/*
 * query-qmp-schema: an array of SchemaInfo (QEMU qapi/introspect.json) made from the table of
 * commands (command.h), the keys of netdevs (netdev_kind.h) and the table of events
 * (event_names.h). Results are not described: their members have type "any". The caller owns the
 * array.
 */
JsonArray *schema_json(void);

#endif
