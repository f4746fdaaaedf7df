/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_TAP_DEVICE_H
#define USERNET_LINK_TAP_DEVICE_H

#include <glib.h>
#include <linux/if.h>
#include <linux/virtio_net.h>
#include <stdbool.h>

#include "net/frame.h"

/*
 * A tap's descriptor (Linux Documentation/networking/tuntap.rst): each read and write is one frame,
 * behind a struct virtio_net_hdr if the tap has IFF_VNET_HDR. With it the kernel gives and takes
 * unfinished frames (net/offload.h).
 */
enum tap_vnet_hdr { TAP_VNET_HDR_AUTO, TAP_VNET_HDR_ON, TAP_VNET_HDR_OFF };

struct tap_device {
	int fd; /* non-blocking */
	bool vnet_hdr;
	char name[IFNAMSIZ];
};

/* Attaches to the tap @ifname. A pattern like "tap%d", or NULL, makes one, which needs rights. */
bool tap_device_open(struct tap_device *device, const char *ifname, enum tap_vnet_hdr vnet_hdr,
		     GError **error);
/* Uses @fd, an attached tap or macvtap. On failure the caller keeps it. */
bool tap_device_adopt(struct tap_device *device, int fd, enum tap_vnet_hdr vnet_hdr,
		      GError **error);
/*
 * Waits up to TAP_HELPER_WAIT for a helper to send a tap's descriptor over the socket @fd, as
 * qemu-bridge-helper does. -1: it did not.
 */
int tap_device_receive(int fd, GError **error);
#define TAP_HELPER_WAIT 5000 /* ms; the helper takes some milliseconds */
/* Limits the frames under way to the tap's driver, in bytes. */
bool tap_device_sndbuf(const struct tap_device *device, int bytes, GError **error);

/*
 * Marks a frame that was read with @header; completes a checksum that the marks cannot express.
 * False: header and frame contradict each other.
 */
bool tap_device_mark(const struct virtio_net_hdr *header, uint8_t *data, struct frame *frame);
/* The header to write before @frame. False: its headers contradict its marks. */
bool tap_device_header(const struct frame *frame, struct virtio_net_hdr *header);

#endif
