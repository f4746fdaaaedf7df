/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_HEAP_H
#define USERNET_BASE_HEAP_H

/* Tunes malloc for very many connections. Call once, before the first allocation of one. */
void heap_set_up(void);

#endif
