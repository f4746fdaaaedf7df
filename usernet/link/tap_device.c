/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/tap_device.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/pass_fd.h"
#include "net/offload.h"

static bool fail(GError **error, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);
static bool fail(GError **error, int code, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, G_FILE_ERROR, (gint)g_file_error_from_errno(code), text);
	return false;
}

/* What the kernel may leave to us; older kernels know less. */
static void take_offload(struct tap_device *device)
{
	const unsigned all = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int size = sizeof(struct virtio_net_hdr);

	if (!device->vnet_hdr)
		return;
	if (ioctl(device->fd, TUNSETVNETHDRSZ, &size) < 0)
		return;
	if (ioctl(device->fd, TUNSETOFFLOAD, (unsigned long)all) < 0)
		(void)ioctl(device->fd, TUNSETOFFLOAD, 0ul);
}

static bool explain(GError **error, const char *ifname, int code)
{
	if (code == EPERM || code == EACCES)
		return fail(error, code,
			    "tap '%s': %s; the administrator gives you a tap with: "
			    "ip tuntap add dev %s mode tap user %s",
			    ifname, g_strerror(code), strchr(ifname, '%') ? "tap0" : ifname,
			    g_get_user_name());
	if (code == EBUSY)
		return fail(error, code, "tap '%s' is in use by another process", ifname);
	return fail(error, code, "tap '%s': %s", ifname, g_strerror(code));
}

bool tap_device_open(struct tap_device *device, const char *ifname, enum tap_vnet_hdr vnet_hdr,
		     GError **error)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	autofd int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	ifname = ifname ? ifname : "tap%d";
	if (fd < 0)
		return fail(error, errno, "/dev/net/tun: %s", g_strerror(errno));
	if (strlen(ifname) >= IFNAMSIZ)
		return fail(error, EINVAL, "ifname=%s: longer than %d characters", ifname,
			    IFNAMSIZ - 1);
	g_strlcpy(request.ifr_name, ifname, IFNAMSIZ);
	if (vnet_hdr != TAP_VNET_HDR_OFF)
		request.ifr_flags |= IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		/* A tap made with several queues must be opened as such. */
		request.ifr_flags |= IFF_MULTI_QUEUE;
		if (errno != EINVAL || ioctl(fd, TUNSETIFF, &request) < 0)
			return explain(error, ifname, errno);
	}
	*device = (struct tap_device){.vnet_hdr = vnet_hdr != TAP_VNET_HDR_OFF};
	g_strlcpy(device->name, request.ifr_name, IFNAMSIZ);
	device->fd = steal_fd(&fd);
	take_offload(device);
	return true;
}

bool tap_device_adopt(struct tap_device *device, int fd, enum tap_vnet_hdr vnet_hdr, GError **error)
{
	struct ifreq request = {0};
	unsigned short flags;

	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return fail(error, errno, "the descriptor is not an attached tap: %s",
			    g_strerror(errno));
	flags = (unsigned short)request.ifr_flags;
	if (!(flags & IFF_TAP) || !(flags & IFF_NO_PI))
		return fail(error, EINVAL, "interface '%s' must be a tap with IFF_NO_PI, not a tun",
			    request.ifr_name);
	if (vnet_hdr == TAP_VNET_HDR_ON && !(flags & IFF_VNET_HDR))
		return fail(error, EINVAL, "vnet_hdr=on, but '%s' was opened without IFF_VNET_HDR",
			    request.ifr_name);
	if (vnet_hdr == TAP_VNET_HDR_OFF && (flags & IFF_VNET_HDR))
		return fail(error, EINVAL, "vnet_hdr=off, but '%s' was opened with IFF_VNET_HDR",
			    request.ifr_name);
	*device = (struct tap_device){.fd = fd, .vnet_hdr = flags & IFF_VNET_HDR};
	g_strlcpy(device->name, request.ifr_name, IFNAMSIZ);
	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	take_offload(device);
	return true;
}

int tap_device_receive(int fd, GError **error)
{
	char byte;
	struct iovec iov = {&byte, 1};
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	int got = -1;

	if (poll(&wait, 1, TAP_HELPER_WAIT) == 0) {
		fail(error, ETIMEDOUT, "no answer from the helper within %d s",
		     TAP_HELPER_WAIT / 1000);
		return -1;
	}
	take_fd(fd, &iov, 1, &got, MSG_DONTWAIT);
	if (got < 0)
		fail(error, EIO, "the helper gave no tap; it says why on standard error");
	return got;
}

bool tap_device_sndbuf(const struct tap_device *device, int bytes, GError **error)
{
	if (ioctl(device->fd, TUNSETSNDBUF, &bytes) == 0)
		return true;
	return fail(error, errno, "sndbuf=%d: %s", bytes, g_strerror(errno));
}

/* Sums from @start, as a network card does (virtio 5.1.6.2); for protocols of any kind. */
static bool complete(uint8_t *data, uint32_t len, uint32_t start, uint32_t offset)
{
	uint16_t check;

	if (start + offset + 2 > len)
		return false;
	check = csum_fold(csum_add(0, data + start, len - start));
	memcpy(data + start + offset, &check, 2);
	return true;
}

static uint16_t sum_offset(const struct offload_at *at)
{
	return at->proto == IPPROTO_TCP ? 16 : 6;
}

bool tap_device_mark(const struct virtio_net_hdr *header, uint8_t *data, struct frame *frame)
{
	uint8_t type = header->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	bool partial = header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	struct offload_at at;

	if (!partial) {
		if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID)
			frame->sum = FRAME_SUM_MADE;
		return type == VIRTIO_NET_HDR_GSO_NONE;
	}
	if (!offload_locate(frame, &at) || header->csum_start != at.l4 ||
	    header->csum_offset != sum_offset(&at))
		return type == VIRTIO_NET_HDR_GSO_NONE &&
		       complete(data, frame->len, header->csum_start, header->csum_offset);
	frame->sum = FRAME_SUM_PARTIAL;
	if (type == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	if (at.proto != IPPROTO_TCP || header->gso_size < OFFLOAD_SEGMENT_MIN ||
	    type != (at.v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4))
		return false;
	if (at.end - at.payload > header->gso_size)
		frame->segment = header->gso_size;
	return true;
}

bool tap_device_header(const struct frame *frame, struct virtio_net_hdr *header)
{
	struct offload_at at;

	*header = (struct virtio_net_hdr){0};
	if (frame->sum == FRAME_SUM_MADE)
		header->flags = VIRTIO_NET_HDR_F_DATA_VALID;
	if (!frame_is_unfinished(frame))
		return true;
	if (!offload_locate(frame, &at))
		return false;
	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->csum_start = at.l4;
	header->csum_offset = sum_offset(&at);
	if (frame->segment) {
		header->gso_type = at.v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		header->gso_size = frame->segment;
		header->hdr_len = at.payload;
	}
	return true;
}
