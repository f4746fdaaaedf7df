/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_PROGRAM_H
#define USERNET_TOOLS_PROGRAM_H

/*
 * The usernet to start: $USERNET, else the one beside this program or in the same build folder,
 * else "usernet", which execvp() looks for in PATH. Newly allocated.
 */
char *program_usernet(void);
/* The path of this program. Newly allocated. */
char *program_self(void);

#endif
