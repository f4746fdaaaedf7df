/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_USER_LOOPBACK_H
#define USERNET_NET_USER_LOOPBACK_H

#include "net/user_config.h"

/* host-loopback=: "on", "off", or PORT;FIRST..LAST;…, each for TCP and UDP. */
#define USER_LOOPBACK_PORTS_MAX 256

/*
 * *@ports ends with {0, 0}; free it with g_free(). NULL except for LOOPBACK_PORTS. Errors
 * (G_OPTION_ERROR_BAD_VALUE) name the key and the word.
 */
bool user_loopback_parse(const char *text, enum loopback_mode *mode, struct port_range **ports,
			 GError **error);
/* The value as text, newly allocated. */
char *user_loopback_format(const struct user_config *config);

#endif
