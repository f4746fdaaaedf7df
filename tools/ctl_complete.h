/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_COMPLETE_H
#define USERNET_TOOLS_CTL_COMPLETE_H

#include "ctl_session.h"

/*
 * `usernetctl complete`: how an unfinished command line may go on. Shells call it, so that commands
 * and what a network has are known in one place. Prints a candidate a line, with a tab and a
 * description where there is one. Without a running network only fixed words are printed; errors
 * are not.
 */
struct ctl_grammar {
	const char *words;  /* "hostfwd remove" */
	const char *params; /* "[--id NETDEV] RULE" */
	const char *help;
};

/* @words: the command line behind "usernetctl"; its last word is unfinished and may be "". */
int ctl_complete(const struct ctl_grammar *grammar, unsigned n, char **words);

#endif
