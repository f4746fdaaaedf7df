/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TFTP_FOLDER_H
#define USERNET_TFTP_FOLDER_H

#include <stdint.h>

#include "base/folder.h"
#include "tftp/message.h"

/*
 * Opens @name, in which '\' is the same as '/', as folder_open_file() does. Returns a file
 * descriptor that the caller owns and sets *@size, in bytes. -1: *@code and *@why are for the
 * client.
 */
int tftp_open_file(struct folder *folder, const char *name, uint64_t *size, enum tftp_error *code,
		   const char **why);

#endif
