/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the system calls that the sandbox allows, one per line. */
#include <stdio.h>

#include "sandbox/parts.h"

static void print(void *data, const char *name)
{
	puts(name);
}

int main(void)
{
	syscalls_foreach(print, NULL);
	return 0;
}
