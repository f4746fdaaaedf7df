/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_FOLDER_H
#define USERNET_BASE_FOLDER_H

#include <glib.h>
#include <sys/stat.h>

/*
 * A directory that is served to guests. Only regular files beneath it are opened (openat2(2),
 * RESOLVE_BENEATH, or step by step where that is missing); symbolic links are not followed. A
 * directory that is removed and made again is found again.
 */
struct folder;

#define FOLDER_NAME_MAX 1024 /* bytes of a file's name */

/* NULL: it is not a directory; @error names @key, the option. */
struct folder *folder_open(const char *key, const char *path, GError **error);
/* NULL does nothing. */
void folder_close(struct folder *folder);
/*
 * Opens @name; leading slashes are ignored. Returns a file descriptor that the caller owns and
 * fills @st. -1: errno says why; EISDIR: it is not a regular file; ELOOP: a symbolic link; EXDEV:
 * it is outside.
 */
int folder_open_file(struct folder *folder, const char *name, struct stat *st);

#endif
