/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TFTP_FOLDER_H
#define USERNET_TFTP_FOLDER_H

#include <glib.h>

#include "tftp/message.h"

/*
 * The directory that is served. Only regular files beneath it are opened (openat2(2),
 * RESOLVE_BENEATH, or step by step where that is missing); symbolic links are not followed.
 */
struct tftp_folder;

/* NULL: it is not a directory; @error names tftp=. */
struct tftp_folder *tftp_folder_open(const char *path, GError **error);
void tftp_folder_close(struct tftp_folder *folder);

/*
 * Opens @name, in which '\' is the same as '/' and leading slashes are ignored. Returns a file
 * descriptor that the caller owns and sets *@size, in bytes. -1: *@code and *@why are for the
 * client.
 */
int tftp_folder_open_file(struct tftp_folder *folder, const char *name, uint64_t *size,
			  enum tftp_error *code, const char **why);

#endif
