/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon's malloc(): the C library's, with a reserve behind it (base/reserve.h). GLib ends the
 * process when malloc() fails, and so would a guest that makes usernet use its address space up.
 * Only in the daemon itself; sanitizers bring a malloc() of their own.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/reserve.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifndef __SANITIZE_ADDRESS__

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t);
static void (*next_free)(void *);
static size_t (*next_usable_size)(void *);

#define FIND(function, name) (*(void **)&(function) = dlsym(RTLD_NEXT, name))

/* False: not found yet; dlsym() itself allocates, or an allocation came in between. */
static bool ready(void)
{
	static bool finding;

	if (next_usable_size)
		return true;
	if (finding)
		return false;
	finding = true;
	FIND(next_malloc, "malloc");
	FIND(next_calloc, "calloc");
	FIND(next_realloc, "realloc");
	FIND(next_posix_memalign, "posix_memalign");
	FIND(next_free, "free");
	FIND(next_usable_size, "malloc_usable_size");
	return true;
}

static void *from_reserve(size_t size)
{
	void *data = reserve_take(0, size);

	if (!data)
		errno = ENOMEM;
	return data;
}

void *malloc(size_t size)
{
	void *data = ready() ? next_malloc(size) : NULL;

	return data ? data : from_reserve(size);
}

void *calloc(size_t n, size_t size)
{
	void *data = ready() ? next_calloc(n, size) : NULL;
	size_t total;

	if (data)
		return data;
	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	data = from_reserve(total);
	return data ? memset(data, 0, total) : NULL;
}

/* @old stays as it is if there is no memory at all. */
static void *move(void *old, size_t old_size, size_t size)
{
	void *data = reserve_owns(old) ? malloc(size) : from_reserve(size);

	if (!data)
		return NULL;
	memcpy(data, old, old_size < size ? old_size : size);
	free(old);
	return data;
}

void *realloc(void *old, size_t size)
{
	void *data;

	if (!old)
		return malloc(size);
	if (reserve_owns(old))
		return move(old, reserve_block_size(old), size);
	data = next_realloc(old, size);
	if (data || size == 0)
		return data;
	return move(old, next_usable_size(old), size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	int error = ready() ? next_posix_memalign(out, alignment, size) : ENOMEM;
	void *data;

	if (error != ENOMEM)
		return error;
	data = reserve_take(alignment, size);
	if (!data)
		return ENOMEM;
	*out = data;
	return 0;
}

void free(void *data)
{
	if (reserve_owns(data))
		reserve_give(data);
	else if (data && ready())
		next_free(data);
}

size_t malloc_usable_size(void *data)
{
	if (reserve_owns(data))
		return reserve_block_size(data);
	return data && ready() ? next_usable_size(data) : 0;
}

#endif
