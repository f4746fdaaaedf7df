/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_ARGV_H
#define USERNET_TOOLS_CTL_ARGV_H

#include <glib.h>

/*
 * Puts "--" in front of the words that `run` and `ssh` pass on, so that usernetctl does not take
 * their options for its own. Of `log`, -f is --follow; elsewhere it is --filter. Returns a new
 * array of the same strings, for g_free(); updates *@argc.
 */
char **ctl_argv_protect(int *argc, char **argv);

#endif
