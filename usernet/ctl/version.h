/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_VERSION_H
#define USERNET_CTL_VERSION_H

#include <json-glib/json-glib.h>

/* Our version in the shape of QEMU's VersionInfo (QEMU qapi/control.json), as greeting and
 * query-version have it. */
JsonObject *version_json(void);

#endif
