/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_BOOT_FILE_H
#define USERNET_NET_BOOT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which file a guest boots: bootfile.ARCH= for its architecture, else bootfile=. Architectures use
 * the numbers of DHCP option 93 and DHCPv6 option 61 (RFC 4578 2.1, RFC 5970 3.3, IANA "Processor
 * Architecture Types").
 */
struct user_config;

struct boot_arch {
	const char *name; /* as in bootfile.NAME= */
	uint16_t number;
};

/* Not an architecture: iPXE, loaded first by the firmware (its user class is "iPXE"). */
#define BOOT_ARCH_IPXE 0xffff

/* The last entry has no name. */
extern const struct boot_arch boot_archs[];

struct boot_file {
	uint16_t arch;
	const char *name; /* NULL: the list ends */
};

/*
 * The file for a client whose option lists @archs, 16-bit numbers in @len bytes. @ipxe: the client
 * is iPXE. NULL: none.
 */
const char *boot_file_for(const struct user_config *config, const uint8_t *archs, size_t len,
			  bool ipxe);
/* "http://…", "tftp://…", any scheme. */
bool boot_file_is_url(const char *name);

#endif
