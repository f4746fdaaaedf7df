/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SANDBOX_SANDBOX_H
#define USERNET_SANDBOX_SANDBOX_H

#include <glib.h>
#include <stdbool.h>

/*
 * Takes rights away from this process once everything is open: access by path, privileges, system
 * calls. A part that the kernel lacks is left out with a warning; SANDBOX_REQUIRE fails instead.
 *
 *     sandbox_new, sandbox_allow…   while the process has all its rights
 *     sandbox_confine               paths: Landlock; with SANDBOX_FULL first namespaces
 *     sandbox_lock                  no-new-privs, no capabilities, system calls
 *
 * The process must have one thread. Nothing is given back; sandbox_free() frees only the memory.
 * The network namespace stays the host's.
 */
enum sandbox_mode { SANDBOX_ON, SANDBOX_FULL, SANDBOX_REQUIRE, SANDBOX_OFF };

enum sandbox_part {
	SANDBOX_NAMESPACES, /* user, mount, ipc and uts; an empty root. Only with SANDBOX_FULL */
	SANDBOX_PATHS,      /* Landlock */
	SANDBOX_PRIVILEGES, /* no-new-privs, no capabilities */
	SANDBOX_SYSCALLS,   /* seccomp; a call that is not on the list kills the process */
	SANDBOX_PARTS,
};

/* What may be done beneath a directory, or with a file. All imply that it can be reached. */
enum sandbox_access {
	SANDBOX_REACH = 0,   /* connect to sockets; matters only with SANDBOX_FULL */
	SANDBOX_READ = 1,    /* read files */
	SANDBOX_LIST = 2,    /* read directories */
	SANDBOX_WRITE = 4,   /* make, change and remove files and directories */
	SANDBOX_SOCKETS = 8, /* make sockets, remove them and files */
	SANDBOX_REMOVE = 16, /* remove files and directories */
};

struct sandbox;

/* False: @word is not "on", "full", "require" or "off". */
bool sandbox_mode_parse(const char *word, enum sandbox_mode *mode);

struct sandbox *sandbox_new(enum sandbox_mode mode);
/* NULL is allowed. */
void sandbox_free(struct sandbox *sandbox);

/*
 * Allows enum sandbox_access flags for @path, relative to the working directory. A path that does
 * not exist at sandbox_confine() is skipped.
 */
void sandbox_allow(struct sandbox *sandbox, const char *path, unsigned access);
/*
 * The same for the directory that holds @file, and if @file is a symbolic link, for its target's:
 * then the file may be replaced.
 */
void sandbox_allow_around(struct sandbox *sandbox, const char *file, unsigned access);

/* False: only with SANDBOX_REQUIRE, or when a part failed halfway. */
bool sandbox_confine(struct sandbox *sandbox, GError **error);
bool sandbox_lock(struct sandbox *sandbox, GError **error);

/* --- state --- */

/* "on", "full", "require" or "off" */
const char *sandbox_mode_name(const struct sandbox *sandbox);
/* "namespaces", "paths", "privileges" or "system-calls" */
const char *sandbox_part_name(enum sandbox_part part);
bool sandbox_has(const struct sandbox *sandbox, enum sandbox_part part);
/* Why a part that the mode includes is not in force; NULL: it is, or the mode lacks it. */
const char *sandbox_missing(const struct sandbox *sandbox, enum sandbox_part part);

#endif
