/* SPDX-License-Identifier: BSD-3-Clause */
#include "card.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/checksum.h"
#include "packet/packet.h"

#define ETH     14
#define TCP_MIN 20
#define IP_MAX  65535

#define TCP_FLAG_CWR 0x80

void card_open(struct card *card, const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	card->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (card->fd < 0)
		err(1, "/dev/net/tun (the user must be allowed to open it)");
	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	if (ioctl(card->fd, TUNSETIFF, &ifr) < 0)
		err(1, "TUNSETIFF");
	if (ioctl(card->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		err(1, "TUNSETOFFLOAD");
}

/* --- for both ways --- */

/* Is @frame a whole TCP segment without IP options? Sets @tcp. */
static bool find_tcp(const uint8_t *frame, size_t len, struct card_tcp *tcp)
{
	uint16_t type = len >= ETH + 40 ? packet_u16(frame + 12) : 0;
	const uint8_t *ip = frame + ETH;

	tcp->v6 = type == 0x86dd;
	if (tcp->v6 ? ip[6] != IPPROTO_TCP || ETH + 40u + packet_u16(ip + 4) != len
		    : type != 0x0800 || ip[0] != 0x45 || ip[9] != IPPROTO_TCP ||
			      (packet_u16(ip + 6) & 0x3fff) ||
			      ETH + (size_t)packet_u16(ip + 2) != len)
		return false;
	tcp->l4 = ETH + (tcp->v6 ? 40 : 20);
	if (len < tcp->l4 + TCP_MIN)
		return false;
	tcp->payload = tcp->l4 + (size_t)(frame[tcp->l4 + 12] >> 4) * 4;
	return tcp->payload >= tcp->l4 + TCP_MIN && tcp->payload <= len;
}

/* Sets the IP header's length to @len bytes of frame; returns the sum of TCP's pseudo-header. */
static csum_t set_length(uint8_t *frame, const struct card_tcp *tcp, size_t len)
{
	uint8_t *ip = frame + ETH;
	uint32_t src, dst;
	uint16_t check;

	if (tcp->v6) {
		packet_put16(ip + 4, len - ETH - 40);
		return csum_pseudo6(ip + 8, ip + 24, IPPROTO_TCP, (uint32_t)(len - tcp->l4));
	}
	packet_put16(ip + 2, len - ETH);
	memset(ip + 10, 0, 2);
	check = csum_fold(csum_add(0, ip, 20));
	memcpy(ip + 10, &check, 2);
	memcpy(&src, ip + 12, 4);
	memcpy(&dst, ip + 16, 4);
	return csum_pseudo4(src, dst, IPPROTO_TCP, (uint16_t)(len - tcp->l4));
}

/* --- from the kernel --- */

static bool receive(struct card *card)
{
	struct card_room *out = &card->out;
	ssize_t got;

	do
		got = read(card->fd, out, sizeof(*out));
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno != EAGAIN && errno != EIO)
		err(1, "tap");
	if (got <= (ssize_t)sizeof(out->header))
		return false;
	card->out_len = (size_t)got - sizeof(out->header);
	card->out_at = 0;
	return true;
}

/* The whole is one frame. */
static size_t take_whole(struct card *card, uint8_t *frame)
{
	const struct card_header *header = &card->out.header;
	size_t start = header->csum_start, len = card->out_len;
	uint16_t check;

	card->out_len = 0;
	memcpy(frame, card->out.frame, len);
	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return len;
	if (start + header->csum_offset + 2u > len)
		errx(1, "tap: a checksum beyond the frame");
	check = csum_fold(csum_add(0, frame + start, len - start));
	/* 0 would mean "no checksum" in UDP (RFC 768). */
	check = check ? check : 0xffff;
	memcpy(frame + start + header->csum_offset, &check, 2);
	return len;
}

static size_t cut(struct card *card, uint8_t *frame)
{
	const struct card_tcp *tcp = &card->out_tcp;
	const uint8_t *whole = card->out.frame, *data = whole + tcp->payload + card->out_at;
	size_t mss = card->out.header.gso_size, left = card->out_len - tcp->payload - card->out_at;
	size_t n = left < mss ? left : mss, len = tcp->payload + n;
	uint8_t *l4 = frame + tcp->l4, *flags = l4 + 13;
	uint16_t check;
	csum_t sum;

	memcpy(frame, whole, tcp->payload);
	packet_put32(l4 + 4, packet_u32(l4 + 4) + (uint32_t)card->out_at);
	if (n < left)
		*flags &= (uint8_t) ~(TCP_FLAG_FIN | TCP_FLAG_PSH);
	if (card->out_at > 0)
		*flags &= (uint8_t)~TCP_FLAG_CWR;
	if (!tcp->v6)
		packet_put16(frame + ETH + 4, packet_u16(frame + ETH + 4) + card->out_at / mss);
	memset(l4 + 16, 0, 2);
	sum = set_length(frame, tcp, len);
	sum = csum_add(sum, l4, tcp->payload - tcp->l4);
	check = csum_fold(csum_copy(sum, frame + tcp->payload, data, n));
	memcpy(l4 + 16, &check, 2);
	card->out_at += n;
	if (n == left)
		card->out_len = 0;
	return len;
}

size_t card_read(struct card *card, uint8_t *frame)
{
	bool is_new = card->out_len == 0;

	if (is_new && !receive(card))
		return 0;
	if (card->out.header.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return take_whole(card, frame);
	if (is_new && (!find_tcp(card->out.frame, card->out_len, &card->out_tcp) ||
		       card->out.header.gso_size == 0))
		errx(1, "tap: a large segment that is not TCP's");
	return cut(card, frame);
}

/* --- to the kernel --- */

static void give(const struct card *card, const struct card_header *header, const uint8_t *frame,
		 size_t len)
{
	const struct iovec iov[] = {
		{(void *)header, sizeof(*header)},
		{(void *)frame, len},
	};

	/* Frames that the kernel refuses (EINVAL), or cannot take now, are lost as on any wire. */
	if (writev(card->fd, iov, 2) < 0 && errno != EIO && errno != EAGAIN && errno != EINVAL)
		err(1, "tap");
}

static void give_alone(const struct card *card, const uint8_t *frame, size_t len)
{
	static const struct card_header as_it_is;

	give(card, &as_it_is, frame, len);
}

void card_flush(struct card *card)
{
	const struct card_tcp *tcp = &card->in_tcp;
	struct card_room *in = &card->in;
	unsigned n = card->in_n;
	uint16_t sum;

	card->in_n = 0;
	if (n == 1)
		give_alone(card, in->frame, card->in_len);
	if (n < 2)
		return;
	in->header = (struct card_header){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = tcp->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = (uint16_t)tcp->payload,
		.gso_size = card->in_mss,
		.csum_start = (uint16_t)tcp->l4,
		.csum_offset = 16,
	};
	/* Of the pseudo-header only: adding the rest gives the checksum. */
	sum = (uint16_t)~csum_fold(set_length(in->frame, tcp, card->in_len));
	memcpy(in->frame + tcp->l4 + 16, &sum, 2);
	give(card, &in->header, in->frame, card->in_len);
}

/*
 * Is it the next of the same connection, with only its position changed
 * (net/ipv4/tcp_offload.c)?
 */
static bool follows(const struct card *card, const struct card_tcp *tcp, const uint8_t *frame,
		    size_t len)
{
	const uint8_t *first = card->in.frame, *l4 = frame + tcp->l4, *l4_first = first + tcp->l4;
	size_t addresses = ETH + (tcp->v6 ? 8 : 12), n = len - tcp->payload;

	return card->in_n > 0 && tcp->v6 == card->in_tcp.v6 &&
	       tcp->payload == card->in_tcp.payload && n <= card->in_mss &&
	       card->in_len - ETH + n <= IP_MAX && !memcmp(frame, first, ETH + 2) &&
	       !memcmp(frame + addresses, first + addresses, tcp->l4 + 4 - addresses) &&
	       packet_u32(l4 + 4) ==
		       packet_u32(l4_first + 4) + (uint32_t)(card->in_len - tcp->payload) &&
	       !memcmp(l4 + 8, l4_first + 8, 5) && !memcmp(l4 + 14, l4_first + 14, 2) &&
	       !memcmp(l4 + 18, l4_first + 18, tcp->payload - tcp->l4 - 18);
}

/* Appends its payload at @to, if its checksum is right. */
static bool append(uint8_t *to, const struct card_tcp *tcp, const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + ETH;
	uint32_t src, dst;
	csum_t sum;

	memcpy(&src, ip + 12, 4);
	memcpy(&dst, ip + 16, 4);
	sum = tcp->v6 ? csum_pseudo6(ip + 8, ip + 24, IPPROTO_TCP, (uint32_t)(len - tcp->l4))
		      : csum_pseudo4(src, dst, IPPROTO_TCP, (uint16_t)(len - tcp->l4));
	sum = csum_add(sum, frame + tcp->l4, tcp->payload - tcp->l4);
	return csum_fold(csum_copy(sum, to, frame + tcp->payload, len - tcp->payload)) == 0;
}

void card_write(struct card *card, const uint8_t *frame, size_t len)
{
	struct card_room *in = &card->in;
	struct card_tcp tcp;
	uint8_t flags;

	if (!card->gro || !find_tcp(frame, len, &tcp) || len == tcp.payload ||
	    (frame[tcp.l4 + 13] & ~TCP_FLAG_PSH) != TCP_FLAG_ACK) {
		card_flush(card);
		give_alone(card, frame, len);
		return;
	}
	flags = frame[tcp.l4 + 13];
	if (follows(card, &tcp, frame, len)) {
		if (!append(in->frame + card->in_len, &tcp, frame, len)) {
			card_flush(card);
			give_alone(card, frame, len);
			return;
		}
		card->in_len += len - tcp.payload;
		card->in_n++;
		in->frame[tcp.l4 + 13] |= flags;
	} else {
		card_flush(card);
		if (!append(in->frame + tcp.payload, &tcp, frame, len)) {
			give_alone(card, frame, len);
			return;
		}
		memcpy(in->frame, frame, tcp.payload);
		card->in_tcp = tcp;
		card->in_len = len;
		card->in_mss = (uint16_t)(len - tcp.payload);
		card->in_n = 1;
	}
	/* Is it the last of a run, by its length or its flags? */
	if (flags & TCP_FLAG_PSH || len - tcp.payload < card->in_mss)
		card_flush(card);
}
