/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Echoes every datagram to its sender, as busybox has no program for it. Linked statically, to run
 * in a guest. udp_echo PORT, both families.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct sockaddr_in6 local = {.sin6_family = AF_INET6}, peer;
	static char datagram[65536];
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	if (argc != 2 || fd < 0) {
		fputs("udp_echo PORT\n", stderr);
		return EXIT_FAILURE;
	}
	local.sin6_port = htons((unsigned short)atoi(argv[1]));
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0) {
		perror("bind");
		return EXIT_FAILURE;
	}
	for (;;) {
		socklen_t len = sizeof(peer);
		ssize_t n =
			recvfrom(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&peer, &len);

		if (n >= 0 && sendto(fd, datagram, (size_t)n, 0, (struct sockaddr *)&peer, len) < 0)
			perror("sendto");
	}
}
