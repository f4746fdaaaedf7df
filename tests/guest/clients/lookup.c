/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * The C library's resolver, in a guest; built with glibc and with musl. Usage: lookup NAME [PORT]
 * Prints the first address, or what getaddrinfo() says, and with PORT the answer to an HTTP request
 * or connect()'s error; and how long each took.
 */
static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int fetch(const struct addrinfo *to, const char *name)
{
	char text[4096];
	int fd = socket(to->ai_family, SOCK_STREAM, 0);
	double since = milliseconds();
	ssize_t n;

	if (connect(fd, to->ai_addr, to->ai_addrlen) != 0) {
		printf("connect: %s; %.1f ms\n", strerror(errno), milliseconds() - since);
		return 1;
	}
	n = snprintf(text, sizeof(text), "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", name);
	if (write(fd, text, (size_t)n) != n)
		perror("write");
	while ((n = read(fd, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)n, stdout);
	if (n < 0)
		printf("read: %s\n", strerror(errno));
	close(fd);
	return n < 0;
}

int main(int argc, char **argv)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	char text[64] = "";
	double since = milliseconds();
	int result;

	if (argc < 2)
		return 2;
	result = getaddrinfo(argv[1], argc > 2 ? argv[2] : NULL, &hints, &found);
	if (result != 0) {
		printf("getaddrinfo: %s; %.1f ms\n", gai_strerror(result), milliseconds() - since);
		return 1;
	}
	getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
	printf("%s; %.1f ms\n", text, milliseconds() - since);
	return argc > 2 ? fetch(found, argv[1]) : 0;
}
