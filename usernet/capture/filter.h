/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CAPTURE_FILTER_H
#define USERNET_CAPTURE_FILTER_H

#include <glib.h>
#include <stdint.h>

#include "net/frame.h"

/*
 * A program of the classic BSD packet filter (S. McCanne, V. Jacobson, USENIX 1993), as libpcap's
 * pcap_compile() makes it for ethernet. It is checked once, and then cannot loop, nor read or write
 * outside the frame and its 16 words. Bounds: FILTER_MAX instructions.
 */
struct filter;

#define FILTER_MAX 4096 /* BPF_MAXINSNS, linux/bpf_common.h */

/*
 * @text is the number of instructions, then each one: "2,40 0 0 12,6 0 0 65535". `tcpdump -ddd`
 * prints the same with line breaks. NULL: @error (ERROR_USAGE) says what is wrong.
 */
struct filter *filter_new(const char *text, GError **error);
void filter_free(struct filter *filter);
/* How many bytes of @frame to keep; 0: it does not match. */
uint32_t filter_run(const struct filter *filter, const struct frame *frame);

#endif
