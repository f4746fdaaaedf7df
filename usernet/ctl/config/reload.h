/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_RELOAD_H
#define USERNET_CTL_CONFIG_RELOAD_H

#include <glib.h>
#include <json-glib/json-glib.h>

/*
 * Reads the configuration file again and makes the network be what it says, as far as that goes
 * while it runs:
 *
 *     netdevs     come and go; one whose keys changed goes and comes again, and its guests with it
 *     user        its forwards and its rules (allow=, deny=) come and go one by one, host-loopback=
 *                 and host-addresses= hold at once; other keys wait for a restart
 *     guests      come and go; what changed goes and comes again, but rules, which change
 *     names       come and go
 *     log-level   at once; the other keys of [network] wait for a restart
 *
 * What somebody added by command stays, as does what the command line asked for; what somebody
 * removed by command comes back if the file has it. A file that is wrong changes nothing.
 */
struct control;

/*
 * {"file": PATH, "applied": […], "restart": […], "failed": […]}, each a list of {"what": "netdev
 * lan", "action": "added"}, and what failed with "error". NULL: nothing was changed.
 */
JsonNode *reload_run(struct control *control, GError **error);
/* The same for SIGHUP: a line in the log for each. */
void reload_and_log(struct control *control);

#endif
