/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_RESERVE_H
#define USERNET_BASE_RESERVE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Memory for when malloc() fails. GLib, json-glib and libslirp abort then; usernet/malloc.c gives
 * them memory from here instead. From then on memory is low: no conn, link, charge or question is
 * admitted, and the frames concerned are dropped and counted (DROP_MEMORY). Allocations that are
 * under way, and what control needs to answer, end in the reserve.
 *
 * One thread only. The reserve is a fixed part of the program's memory; its pages cost nothing
 * until they are used.
 */
#define RESERVE_SIZE ((size_t)8 * 1024 * 1024)
/* Memory is low until this much can be allocated again and half of the reserve is free. */
#define RESERVE_PROBE ((size_t)512 * 1024)

/*
 * Not cleared; @alignment: a power of two, 16 or less is 16. NULL: the reserve is used up. Memory
 * is low from now on.
 */
void *reserve_take(size_t alignment, size_t size);
/* Frees @block, which reserve_take() returned. */
void reserve_give(void *block);
bool reserve_owns(const void *block);
/* The usable size of a block of the reserve. */
size_t reserve_block_size(const void *block);
/* Bytes that are taken, with their headers. */
size_t reserve_used(void);
/* Should nothing new be admitted? Finds out every 10 ms whether there is memory again. */
bool reserve_is_low(void);

#endif
