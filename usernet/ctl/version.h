/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_VERSION_H
#define USERNET_CTL_VERSION_H

#include <json-glib/json-glib.h>

/* Our version as QEMU's VersionInfo (QEMU qapi/control.json), for greeting and query-version. */
JsonObject *version_json(void);

#endif
