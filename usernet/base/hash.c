/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"

#include <glib.h>
#include <sys/random.h>

uint64_t hash_seed(void)
{
	static uint64_t seed;

	/* Eight bytes are never cut short once the kernel's pool is up (getrandom(2)). */
	while (!seed && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = 0;
	return seed;
}
