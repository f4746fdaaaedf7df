/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BENCH_METER_H
#define USERNET_BENCH_METER_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Shared by the load programs: exit with a message, and clocks. */

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* Seconds, monotonic. */
static inline double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* User and system seconds of a process, proc(5). */
static inline double cpu_seconds(const char *pid)
{
	unsigned long user, system;
	char path[64], line[1024];
	const char *end;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%s/stat", pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof line, file))
		die("%s: %s", path, strerror(errno));
	fclose(file);
	/* The name in parentheses may contain anything; field 3 follows. */
	end = strrchr(line, ')');
	if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			   &system) != 2)
		die("%s: not understood", path);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

#endif
