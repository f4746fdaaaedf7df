/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_HEAP_H
#define USERNET_BASE_HEAP_H

/* Sets malloc up for very many connections. Once, before there is any. */
void heap_set_up(void);

#endif
