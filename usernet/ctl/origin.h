/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_ORIGIN_H
#define USERNET_CTL_ORIGIN_H

/*
 * Who asked for a netdev, a guest, a record. What comes from the file is the file's: reading it
 * anew may change or remove it. The rest stays as it is.
 */
enum origin {
	ORIGIN_LIVE,   /* a command over QMP or HMP */
	ORIGIN_OPTION, /* the command line */
	ORIGIN_FILE,   /* the configuration file, or the defaults where nothing was said */
};

#endif
