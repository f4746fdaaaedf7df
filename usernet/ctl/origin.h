/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_ORIGIN_H
#define USERNET_CTL_ORIGIN_H

/* The source of a netdev, guest or record. A reload may change or remove only those of the file. */
enum origin {
	ORIGIN_LIVE,   /* a command over QMP or HMP */
	ORIGIN_OPTION, /* the command line */
	ORIGIN_FILE,   /* the configuration file, or the defaults */
};

#endif
