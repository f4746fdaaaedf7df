/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_USER_LOOPBACK_H
#define USERNET_NET_USER_LOOPBACK_H

#include "net/user_config.h"

/* host-loopback=: "on", "off", or PORT;FIRST..LAST;… which are TCP's and UDP's. */
#define USER_LOOPBACK_PORTS_MAX 256

/*
 * *@ports, ended by {0, 0}, is the caller's to g_free();
 * NULL but for LOOPBACK_PORTS. Errors (G_OPTION_ERROR_BAD_VALUE) name the key and the word.
 */
bool user_loopback_parse(const char *text, enum loopback_mode *mode, struct port_range **ports,
			 GError **error);
/* The same, as text. Newly allocated. */
char *user_loopback_format(const struct user_config *config);

#endif
