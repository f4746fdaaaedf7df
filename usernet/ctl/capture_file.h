/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CAPTURE_FILE_H
#define USERNET_CTL_CAPTURE_FILE_H

#include <glib.h>
#include <stdbool.h>

/* capture=FILE of a netdev. */
struct attachment;
struct control;

/*
 * Begins the capture if the netdev has the key: writes the file anew. True if it has not. Once the
 * sandbox holds, only files in the directories it allows can be opened.
 */
bool capture_file_start(struct control *control, const struct attachment *attachment,
			GError **error);

#endif
