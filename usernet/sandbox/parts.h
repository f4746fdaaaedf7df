/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SANDBOX_PARTS_H
#define USERNET_SANDBOX_PARTS_H

#include <glib.h>
#include <stdbool.h>

/*
 * What each part does; only for sandbox.c and tests. False and G_FILE_ERROR: this kernel, or
 * whoever started us, does not allow it.
 */

/* @places: of struct place *. */
bool namespaces_enter(const GPtrArray *places, GError **error);
bool landlock_restrict(const GPtrArray *places, GError **error);
/* Also needed before the next. */
bool privileges_drop(GError **error);
bool syscalls_restrict(GError **error);

/* Calls @each with the name of every system call that is allowed, some only with some arguments. */
void syscalls_foreach(void (*each)(void *data, const char *name), void *data);

/* For these: sets the error from @err and returns false. */
bool part_failed(GError **error, const char *what, int err);

#endif
