/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/heap.h"

#include <malloc.h>

/*
 * A connection has two buffers of 128 KB in libslirp (tcp.h TCP_SNDSPACE, TCP_RCVSPACE), most of
 * which are never touched. From that size on glibc gives each a mapping of its own, until the first
 * is freed: then its threshold grows by itself (mallopt(3), M_MMAP_THRESHOLD). A process has at
 * most vm.max_map_count mappings, 65530 where nobody has set it (Linux mm.h DEFAULT_MAX_MAP_COUNT),
 * and a connection would pay for two of them. On the heap they cost none, all of them together.
 */
#define MAPPED_FROM (1024 * 1024)
/* Free memory at the heap's end that is kept, for connections that come and go: of some 120. */
#define TRIM_FROM (32 * 1024 * 1024)

void heap_set_up(void)
{
	mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
	mallopt(M_TRIM_THRESHOLD, TRIM_FROM);
}
