/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_HMP_H
#define USERNET_CTL_QMP_HMP_H

#include <glib.h>

/*
 * The human monitor: QEMU's syntax and error messages for the commands shared with QEMU (QEMU
 * hmp-commands.hx). Output lines end with CRLF.
 */
struct control;
struct fd_names;

/* Executes one line and returns its output, newly allocated; "" if there is none. */
char *hmp_run(struct control *control, struct fd_names *fds, const char *line);

/* `info …`, in hmp_info.c; text with plain newlines. */
void hmp_info_network(struct control *control, GString *out);
void hmp_info_usernet(struct control *control, GString *out);

#endif
