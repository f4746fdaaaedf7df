/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CAPTURE_CAPTURE_H
#define USERNET_CAPTURE_CAPTURE_H

#include <stdbool.h>

#include "base/list.h"
#include "net/tap.h"

/*
 * One capture: copies frames as pcapng to a descriptor, a file, pipe or socket. Frames wait in a
 * buffer of CAPTURE_BUFFER bytes; when it is full they are lost, and counted per interface
 * (isb_ifdrop). A slow reader therefore never delays the network. A failed write, or a reader that
 * is gone, ends the capture.
 *
 * The interfaces of the file are the ports of the network, made when a port has its first frame.
 */
#define CAPTURE_BUFFER     ((size_t)4 * 1024 * 1024)
#define CAPTURE_INTERFACES 16384 /* frames of further ports are lost */
#define CAPTURE_SNAP_MIN   64
#define CAPTURE_SNAP_MAX   262144 /* libpcap's MAXIMUM_SNAPLEN */

struct capture;
struct filter;
struct network;

enum capture_scope {
	CAPTURE_NETWORK,
	CAPTURE_NETDEV, /* name: the ports of this netdev */
	CAPTURE_PORT,   /* name: of the port */
	CAPTURE_GUEST,  /* mac: frames from and to it, at the port where it is */
};

struct capture_spec {
	enum capture_scope scope;
	const char *name; /* as the user wrote it; copied. NULL: the network */
	mac_t mac;
	uint32_t snap_len;     /* 0: CAPTURE_SNAP_MAX */
	struct filter *filter; /* owned by the capture, also after a failure. May be NULL */
	int fd;                /* owned by the capture after success */
};

struct capture_counts {
	uint64_t frames, bytes; /* kept, as on the wire */
	uint64_t lost;
};

/* @ended is called once, from the loop, when the capture has ended; free it then. */
struct capture *capture_new(struct network *network, const struct capture_spec *spec, unsigned id,
			    void (*ended)(void *data, struct capture *capture), void *data,
			    GError **error);
/*
 * Takes no more frames, writes the statistics and what waits; then calls @ended. A reader that does
 * not read delays that.
 */
void capture_finish(struct capture *capture);
bool capture_is_finished(const struct capture *capture); /* or ended by itself */
/* The same as far as the descriptor takes it at once. */
void capture_free(struct capture *capture);
/* Does it want frames of @port? */
bool capture_wants(const struct capture *capture, const struct port *port);
void capture_frames(struct capture *capture, const struct port *port, enum tap_way way,
		    const struct frame *frames, size_t n, enum drop_reason why);

/* A guest came, went, or changed its name or address. */
void capture_guests_changed(struct capture *capture);

const char *capture_id(const struct capture *capture); /* "capture0" */
enum capture_scope capture_scope(const struct capture *capture);
const char *capture_name(const struct capture *capture);
struct capture_counts capture_counts(const struct capture *capture);
struct list *capture_link(struct capture *capture);
struct capture *capture_of_link(struct list *link);

#endif
