/* SPDX-License-Identifier: BSD-3-Clause */
#include "qemu_netdev.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "qemu_options.h"

static bool at_least(struct qemu_version version, unsigned major, unsigned minor)
{
	return version.major > major || (version.major == major && version.minor >= minor);
}

bool qemu_version_parse(const char *text, struct qemu_version *version)
{
	const char *at = strstr(text, "version ");

	return at && sscanf(at, "version %u.%u", &version->major, &version->minor) == 2;
}

char *qemu_netdev_text(struct qemu_version version, const struct qemu_doors *doors, const char *id,
		       const char *guest, bool *survives, GError **error)
{
	bool reconnects = at_least(version, 8, 0);
	g_autofree char *socket = NULL, *path = NULL;

	*survives = true;
	if (!at_least(version, 7, 2)) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED,
			    "QEMU %u.%u has no stream netdev; use QEMU 7.2 or later", version.major,
			    version.minor);
		return NULL;
	}
	if (doors->server && (reconnects || !doors->dir)) {
		const char *again = !reconnects               ? ""
				    : at_least(version, 9, 2) ? ",reconnect-ms=500"
							      : ",reconnect=1";

		*survives = reconnects;
		path = qemu_options_escape(doors->server);
		return g_strdup_printf("stream,id=%s,addr.type=unix,addr.path=%s%s", id, path,
				       again);
	}
	if (doors->dir) {
		socket = g_strdup_printf("%s%s.sock", doors->dir, guest);
		path = qemu_options_escape(socket);
		return g_strdup_printf("stream,id=%s,server=on,addr.type=unix,addr.path=%s", id,
				       path);
	}
	g_set_error(error, USERNET_ERROR, ERROR_FAILED,
		    "the network has no netdev for guests that QEMU could use; add one with: "
		    "usernetctl netdev add stream,id=lan,server=on,addr.type=unix,addr.path=PATH");
	return NULL;
}

const char *qemu_netdev_driver(const char *program, const char *machine)
{
	if (strstr(program, "s390x"))
		return "virtio-net-ccw";
	if (machine && strstr(machine, "microvm"))
		return "virtio-net-device";
	return "virtio-net-pci";
}
