/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_SPAWNER_H
#define USERNET_BASE_SPAWNER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Runs commands of the configuration from a separate process, the helper. It is forked before this
 * process reads any guest data and drops its rights. This process then needs no exec and cannot
 * choose what is run: the helper has the list of commands and is asked by number. Only a helper
 * started with @live takes other commands.
 *
 *     spawner_run ──► [helper] ── fork ──► sh -c COMMAND   a process group of its own
 *         fd ◄────────── socketpair ────────► stdin, stdout; stderr is this process's
 *     spawner_end ──► [helper] ── SIGTERM, then SIGKILL ──► the group
 *
 * When this process exits, for whatever reason, the helper sees its socket close, ends all commands
 * and exits. When the helper is killed, the kernel kills the commands.
 */
struct loop;
struct spawner;

#define SPAWNER_COMMAND_MAX 16384 /* bytes per command */
#define SPAWNER_COMMANDS    1024  /* commands in the list */
#define SPAWNER_RUNNING     4096  /* commands running at once */
#define SPAWNER_GRACE       2000  /* ms between SIGTERM and SIGKILL */

/* Environment of a command; NULL leaves a variable unset. */
struct spawner_env {
	const char *network;    /* USERNET_NETWORK */
	const char *guest;      /* USERNET_GUEST */
	const char *guest_name; /* USERNET_GUEST_NAME */
};

/*
 * Forks the helper. Call while the process has one thread. The helper keeps the current standard
 * error, working directory and environment. @commands: NULL-terminated.
 */
struct spawner *spawner_new(const char *const *commands, bool live, GError **error);
/* Ends all commands and the helper; takes up to SPAWNER_GRACE. NULL is allowed. */
void spawner_free(struct spawner *spawner);
/* From now on the loop detects and logs the exit of the helper. */
void spawner_attach(struct spawner *spawner, struct loop *loop);

/* Would @command be run? The error says how to allow it. */
bool spawner_takes(const struct spawner *spawner, const char *command, GError **error);
/*
 * Starts @command. Returns our end of its stdin and stdout, non-blocking; *@id is for
 * spawner_end(). -1: the helper is gone or too busy, or no descriptors are left.
 */
int spawner_run(struct spawner *spawner, const char *command, const struct spawner_env *env,
		uint32_t *id, GError **error);
/* Call once for each started command when it is no longer needed, even if it has exited. */
void spawner_end(struct spawner *spawner, uint32_t id);

#endif
