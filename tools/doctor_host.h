/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_DOCTOR_HOST_H
#define USERNET_TOOLS_DOCTOR_HOST_H

#include <glib.h>
#include <stdint.h>

/* What usernetctl doctor finds, as lines on standard output. */
struct doctor {
	unsigned n_found;
};

void doctor_well(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Something is wrong; @mend is a sentence on what to do. */
void doctor_found(struct doctor *doctor, const char *mend, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

/* Checks of the host, which need no network. */
void doctor_host_pings(struct doctor *doctor);
void doctor_host_limits(struct doctor *doctor);
void doctor_host_kernel(struct doctor *doctor);
void doctor_host_qemu(struct doctor *doctor);
/* Asks a name server, "192.0.2.53"; @servers ends with NULL. */
void doctor_host_resolvers(struct doctor *doctor, const char *const *servers);
/* Those of /etc/resolv.conf, newly allocated, NULL-terminated. */
char **doctor_host_servers(void);
/*
 * Does another program listen on TCP port @port, at an address that takes away what is meant for
 * @address? @rule is named.
 */
void doctor_host_port(struct doctor *doctor, const char *address, uint16_t port, const char *rule);

#endif
