/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_RELOAD_H
#define USERNET_CTL_CONFIG_RELOAD_H

#include <glib.h>
#include <json-glib/json-glib.h>

/*
 * Reads the configuration file again and applies what can change at run time:
 *
 *     netdevs     added and removed; one with changed keys is replaced, which disconnects its
 *                 guests
 *     user        forwards and rules (allow=, deny=) are added and removed one by one,
 *                 host-loopback=, host-addresses= and isolate= apply at once; other keys need a
 *                 restart
 *     guests      added and removed; a changed one is replaced, except for its rules
 *     names       added and removed
 *     log-level, no-default-netdevs
 *                 apply at once; the other keys of [network] need a restart
 *
 * Entries added by command and those of the command line stay. Entries removed by command are added
 * again if the file has them. An invalid file changes nothing.
 */
struct control;

/*
 * Returns {"file": PATH, "applied": […], "restart": […], "failed": […]}, each a list of {"what":
 * "netdev lan", "action": "added"}; entries of "failed" have "error". NULL: nothing was changed.
 */
JsonNode *reload_run(struct control *control, GError **error);
/* The same for SIGHUP: logs a line for each change. */
void reload_and_log(struct control *control);

#endif
