/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_SPAWNER_HELPER_H
#define USERNET_BASE_SPAWNER_HELPER_H

#include <signal.h>

#include "base/spawner.h"

/*
 * The helper's side of a spawner, and what is said between the two: messages on a SOCK_SEQPACKET
 * pair, each the struct and then @text.
 */
enum spawner_kind {
	/* To it, with a descriptor: command, network, guest and its name, each ended by NUL; the
	 * command is empty but for SPAWNER_UNLISTED. */
	SPAWNER_RUN,
	SPAWNER_END,    /* to it */
	SPAWNER_FAILED, /* from it: @index is an errno */
};

#define SPAWNER_UNLISTED UINT32_MAX /* of @index: the command is in the text */
#define SPAWNER_TEXT_MAX (SPAWNER_COMMAND_MAX + 1024)

struct spawner_message {
	uint32_t kind;
	uint32_t id;
	uint32_t index; /* SPAWNER_RUN: in the list */
};

struct spawner_helper {
	int control; /* the pair's other end: the process we work for */
	const char *const *commands;
	uint32_t n_commands;
	bool live;
	sigset_t signals; /* blocked in commands */
};

/* The whole life of the process; never returns. */
void spawner_helper_run(const struct spawner_helper *helper) G_GNUC_NORETURN;

#endif
