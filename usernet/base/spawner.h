/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_SPAWNER_H
#define USERNET_BASE_SPAWNER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Runs commands of the configuration from a process of its own, the helper, which is forked before
 * this one reads anything of a guest's and gives up its rights. So this process needs no exec, and
 * cannot choose what is run: the helper has the list of commands since before, and is asked by
 * number. Only one that was started with @live takes other commands.
 *
 *     spawner_run ──► [helper] ── fork ──► sh -c COMMAND   a process group of its own
 *          fd ◄────────── socketpair ────────► stdin, stdout; stderr is this process's
 *     spawner_end ──► [helper] ── SIGTERM, then SIGKILL ──► the group
 *
 * When this process ends, in whichever way, the helper sees its socket end, and ends all commands
 * and itself. When the helper is killed the kernel kills the commands.
 */
struct loop;
struct spawner;

#define SPAWNER_COMMAND_MAX 16384 /* bytes of a command */
#define SPAWNER_COMMANDS    1024  /* of the list */
#define SPAWNER_RUNNING     4096  /* commands at a time */
#define SPAWNER_GRACE       2000  /* ms between SIGTERM and SIGKILL */

/* What a command finds in its environment; values may be NULL: unset. */
struct spawner_env {
	const char *network;    /* USERNET_NETWORK */
	const char *guest;      /* USERNET_GUEST */
	const char *guest_name; /* USERNET_GUEST_NAME */
};

/*
 * Forks the helper; before there is a second thread. It keeps standard error, the working directory
 * and the environment, as they are now. @commands: NULL-terminated.
 */
struct spawner *spawner_new(const char *const *commands, bool live, GError **error);
/* Ends all commands, and the helper. May take SPAWNER_GRACE. NULL is fine. */
void spawner_free(struct spawner *spawner);
/* From now on the helper's end is noticed, and logged, when it happens. */
void spawner_attach(struct spawner *spawner, struct loop *loop);

/* Would it be run? Errors say what to do. */
bool spawner_takes(const struct spawner *spawner, const char *command, GError **error);
/*
 * Starts @command. Returns our end of its stdin and stdout, non-blocking; *@id is for
 * spawner_end(). -1: the helper is gone or too busy, or there are no descriptors left.
 */
int spawner_run(struct spawner *spawner, const char *command, const struct spawner_env *env,
		uint32_t *id, GError **error);
/* To be called once for each that was started, when it is not needed any more, ended or not. */
void spawner_end(struct spawner *spawner, uint32_t id);

#endif
