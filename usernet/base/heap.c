/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/heap.h"

#include <malloc.h>

/*
 * libslirp allocates two buffers of 128 KB per connection (tcp.h TCP_SNDSPACE, TCP_RCVSPACE) and
 * mostly leaves them untouched. By default glibc maps each block of that size separately until the
 * first one is freed, then raises its threshold (mallopt(3), M_MMAP_THRESHOLD). A process may have
 * vm.max_map_count mappings, 65530 by default (Linux mm.h DEFAULT_MAX_MAP_COUNT), and each
 * connection would use two. A higher threshold puts the buffers on the heap, which uses none.
 */
#define MAPPED_FROM (1024 * 1024)
/* Free memory kept at the end of the heap: the buffers of about 120 connections. */
#define TRIM_FROM (32 * 1024 * 1024)

void heap_set_up(void)
{
	mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
	mallopt(M_TRIM_THRESHOLD, TRIM_FROM);
}
