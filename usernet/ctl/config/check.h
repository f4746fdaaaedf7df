/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_CHECK_H
#define USERNET_CTL_CONFIG_CHECK_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/config/config.h"

/*
 * Is what is asked for right, as far as can be said without doing it? By the very functions that
 * are used when it is done, on tables of their own.
 */

/* The entry alone. @kind: "netdev", "guest". The error does not say where it stands. */
bool config_check_entry(const char *kind, struct config_entry *entry, GError **error);
/* All of it, and that it fits together. */
bool config_check(struct config *config, GError **error);

#endif
