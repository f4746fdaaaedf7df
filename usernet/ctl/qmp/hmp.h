/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_HMP_H
#define USERNET_CTL_QMP_HMP_H

#include <glib.h>

/*
 * The human monitor: QEMU's lines for the commands we share with it (QEMU hmp-commands.hx), with
 * its words for mistakes. Lines of output end in CRLF.
 */
struct control;
struct fd_names;

/* Executes one line and returns its output, newly allocated; "" when there is nothing to say. */
char *hmp_run(struct control *control, struct fd_names *fds, const char *line);

/* `info …`, in hmp_info.c; text with plain newlines. */
void hmp_info_network(struct control *control, GString *out);
void hmp_info_usernet(struct control *control, GString *out);

#endif
