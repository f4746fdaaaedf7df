/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_QEMU_NETDEV_H
#define USERNET_TOOLS_QEMU_NETDEV_H

#include <glib.h>
#include <stdbool.h>

/* The netdev and device that connect a QEMU to a network, by QEMU's version. */

struct qemu_version {
	unsigned major, minor;
};

/* Where a network takes guests; NULL: it does not. */
struct qemu_doors {
	const char *server; /* a unix socket of a stream server */
	const char *dir;    /* a directory of sockets that usernet connects to, with the last "/" */
};

/* Reads the output of qemu -version. */
bool qemu_version_parse(const char *text, struct qemu_version *version);

/*
 * The argument of -netdev that survives a restart of usernet: a client that reconnects where QEMU
 * has it (reconnect= in 8.0 to 9.1, reconnect-ms= from 9.2), else a server in the directory,
 * which usernet connects to again (7.2). Newly allocated. NULL: @error says what is missing.
 * @survives: false when usernet's restart ends the link.
 */
char *qemu_netdev_text(struct qemu_version version, const struct qemu_doors *doors, const char *id,
		       const char *guest, bool *survives, GError **error);
/* The driver of -device for a QEMU program's name and its -machine, which may be NULL. */
const char *qemu_netdev_driver(const char *program, const char *machine);

#endif
