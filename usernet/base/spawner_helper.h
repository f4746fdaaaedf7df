/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_SPAWNER_HELPER_H
#define USERNET_BASE_SPAWNER_HELPER_H

#include <signal.h>

#include "base/spawner.h"

/*
 * The helper's side of a spawner, and the messages between the two: on a SOCK_SEQPACKET pair, each
 * is this struct followed by @text.
 */
enum spawner_kind {
	/*
	 * To the helper, with a descriptor: command, network, guest and guest name, each ended by
	 * NUL. The command is empty unless @index is SPAWNER_UNLISTED.
	 */
	SPAWNER_RUN,
	SPAWNER_END,    /* to the helper */
	SPAWNER_FAILED, /* from the helper: @index is an errno */
};

#define SPAWNER_UNLISTED UINT32_MAX /* as @index: the command is in the text */
#define SPAWNER_TEXT_MAX (SPAWNER_COMMAND_MAX + 1024)

struct spawner_message {
	uint32_t kind;
	uint32_t id;
	uint32_t index; /* SPAWNER_RUN: position in the list */
};

struct spawner_helper {
	int control; /* the helper's end of the pair */
	const char *const *commands;
	uint32_t n_commands;
	bool live;
	sigset_t signals; /* to unblock in commands */
};

/* Runs the helper process; never returns. */
void spawner_helper_run(const struct spawner_helper *helper) G_GNUC_NORETURN;

#endif
