/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FUZZ_HARNESS_H
#define USERNET_FUZZ_HARNESS_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer calls it; a harness is a file that defines it. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
