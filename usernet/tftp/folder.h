/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TFTP_FOLDER_H
#define USERNET_TFTP_FOLDER_H

#include <glib.h>

#include "tftp/message.h"

/*
 * The directory that is served. Files are opened beneath it and nowhere else (openat2(2),
 * RESOLVE_BENEATH, or step by step where that is missing), without following symbolic links; only
 * regular files are opened.
 */
struct tftp_folder;

/* NULL, and @error names tftp=: it is not a directory. */
struct tftp_folder *tftp_folder_open(const char *path, GError **error);
void tftp_folder_close(struct tftp_folder *folder);

/*
 * Opens @name, in which '\' stands for '/' too, and leading slashes mean the directory. Returns a
 * file descriptor that the caller owns and sets *@size, in bytes. -1: *@code and *@why tell the
 * client.
 */
int tftp_folder_open_file(struct tftp_folder *folder, const char *name, uint64_t *size,
			  enum tftp_error *code, const char **why);

#endif
