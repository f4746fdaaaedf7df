/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_WIRE_H
#define USERNET_DHCP_WIRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/frame.h"
#include "net/port.h"

/*
 * DHCP and BOOTP messages (RFC 951, 2131, 2132, 3396): parses and builds them. Makes no decisions.
 */
enum { DHCP_SERVER_PORT = 67, DHCP_CLIENT_PORT = 68 };
enum { BOOTP_REQUEST = 1, BOOTP_REPLY = 2 };
#define DHCP_FLAG_BROADCAST 0x8000

enum dhcp_type {
	DHCP_BOOTP = 0, /* no option 53: plain BOOTP */
	DHCP_DISCOVER,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
	DHCP_INFORM,
};

/* RFC 2132, RFC 3004 (77), RFC 3397 (119), RFC 3442 (121), RFC 4039 (80), RFC 4578 (93), RFC 4702
 * (81) */
enum dhcp_option {
	DHCP_OPT_PAD = 0,
	DHCP_OPT_NETMASK = 1,
	DHCP_OPT_ROUTER = 3,
	DHCP_OPT_DNS = 6,
	DHCP_OPT_HOSTNAME = 12,
	DHCP_OPT_DOMAIN = 15,
	DHCP_OPT_MTU = 26,
	DHCP_OPT_BROADCAST = 28,
	DHCP_OPT_NTP = 42,
	DHCP_OPT_VENDOR = 43,
	DHCP_OPT_REQUESTED_ADDR = 50,
	DHCP_OPT_LEASE_TIME = 51,
	DHCP_OPT_OVERLOAD = 52,
	DHCP_OPT_TYPE = 53,
	DHCP_OPT_SERVER_ID = 54,
	DHCP_OPT_PARAMETERS = 55,
	DHCP_OPT_MESSAGE = 56,
	DHCP_OPT_MAX_SIZE = 57,
	DHCP_OPT_T1 = 58,
	DHCP_OPT_T2 = 59,
	DHCP_OPT_CLASS = 60,
	DHCP_OPT_CLIENT_ID = 61,
	DHCP_OPT_TFTP_NAME = 66,
	DHCP_OPT_BOOTFILE = 67,
	DHCP_OPT_USER_CLASS = 77,
	DHCP_OPT_RAPID_COMMIT = 80,
	DHCP_OPT_FQDN = 81,
	DHCP_OPT_ARCH = 93,
	DHCP_OPT_SEARCH = 119,
	DHCP_OPT_ROUTES = 121,
	DHCP_OPT_END = 255,
};

#define DHCP_CHADDR_LEN 16
#define DHCP_SNAME_LEN  64
#define DHCP_FILE_LEN   128
/* From op to file; the options' magic cookie follows. */
#define DHCP_FIXED_LEN 236
/* Longer messages than any client sends are refused; this bounds the copy of the options. */
#define DHCP_MESSAGE_MAX 4096
/*
 * What every client accepts: IP packets of 576 bytes (RFC 2131 2), and those that fit into
 * ethernet.
 */
#define DHCP_IP_MIN 576
#define DHCP_IP_MAX 1500
/* IP and UDP headers, in bytes. */
#define DHCP_IP_OVERHEAD 28
/* RFC 951 3: 300 bytes; some relays and clients still need it. */
#define DHCP_REPLY_MIN 300

struct dhcp_message {
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint16_t secs, flags;
	struct in_addr ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[DHCP_CHADDR_LEN];
	/* As received; empty if they carry options (overload). */
	uint8_t sname[DHCP_SNAME_LEN], file[DHCP_FILE_LEN];
	bool has_options; /* the magic cookie is present */
	enum dhcp_type type;
	/* Long options joined (RFC 3396), in data; absent ones have no bytes. */
	bool present[256];
	uint16_t at[256], len[256];
	uint8_t data[DHCP_MESSAGE_MAX];
};

/*
 * Parses the UDP payload. False: *@why says what to count. Checks the lengths of the options that
 * have a fixed one in RFC 2132 and that a server reads (50, 51, 53, 54, 57). A missing END is
 * accepted, a truncated option is not.
 */
bool dhcp_parse(struct dhcp_message *msg, const uint8_t *p, size_t len, enum drop_reason *why);

/* The option's bytes, borrowed from @msg; NULL, and *@len 0, if absent. */
const uint8_t *dhcp_option_get(const struct dhcp_message *msg, uint8_t option, size_t *len);
/* @otherwise if absent. */
uint32_t dhcp_option_u32(const struct dhcp_message *msg, uint8_t option, uint32_t otherwise);
uint16_t dhcp_option_u16(const struct dhcp_message *msg, uint8_t option, uint16_t otherwise);
/* 0 if absent. */
struct in_addr dhcp_option_addr(const struct dhcp_message *msg, uint8_t option);

/* A message to be sent: fixed fields, and options in the order of importance. */
#define DHCP_REPLY_OPTIONS 64
struct dhcp_reply {
	uint8_t hlen;
	uint32_t xid;
	uint16_t secs, flags;
	struct in_addr ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[DHCP_CHADDR_LEN];
	const char *bootfile; /* in file, or option 67 if that has options; NULL: none */
	bool plain_bootp;     /* the client does not support overloading */
	unsigned n_options;
	struct {
		uint8_t code;
		uint16_t at, len;
	} options[DHCP_REPLY_OPTIONS];
	size_t used;
	uint8_t data[4096];
};

/* Adds an option once; a second one with that code, or one without room, is ignored. */
void dhcp_reply_add(struct dhcp_reply *reply, uint8_t option, const void *data, size_t len);
void dhcp_reply_add_u8(struct dhcp_reply *reply, uint8_t option, uint8_t v);
void dhcp_reply_add_u16(struct dhcp_reply *reply, uint8_t option, uint16_t v);
void dhcp_reply_add_u32(struct dhcp_reply *reply, uint8_t option, uint32_t v);
void dhcp_reply_add_addr(struct dhcp_reply *reply, uint8_t option, struct in_addr addr);

/*
 * Writes the message to @out, at most @max bytes (at least DHCP_REPLY_MIN). Options that do not fit
 * go into sname and then file (option 52); those that still do not fit are left out, the last
 * first. Options over 255 bytes are split (RFC 3396). Returns the length.
 */
size_t dhcp_reply_write(const struct dhcp_reply *reply, uint8_t *out, size_t max);

/* Addresses of an answer. */
struct dhcp_route {
	mac_t eth_src, eth_dst;
	struct in_addr src, dst;
	uint16_t dport;
};
#define DHCP_HEADERS (ETH_HEADER + DHCP_IP_OVERHEAD)
/*
 * Writes ethernet, IPv4 and UDP headers in front of the @len bytes at @frame + DHCP_HEADERS.
 * Returns the frame's length.
 */
size_t dhcp_frame_finish(uint8_t *frame, size_t len, const struct dhcp_route *route);

#endif
