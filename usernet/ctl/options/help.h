/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_HELP_H
#define USERNET_CTL_OPTIONS_HELP_H

/*
 * The text of --help before and after the list of options. It names every key of every netdev and
 * guest; tests/unit/test_help.c compares it with the parser's tables.
 */
extern const char help_summary[];
/* Five strings: C11 compilers need not support longer ones. */
extern const char help_netdevs[];
extern const char help_ours[];
extern const char help_links[];
extern const char help_taps[];
extern const char help_rest[];

#endif
