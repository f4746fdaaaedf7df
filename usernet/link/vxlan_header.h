/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_VXLAN_HEADER_H
#define USERNET_LINK_VXLAN_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The header before the frame in each datagram (RFC 7348 section 5): flags, 24 reserved bits, the
 * network identifier (VNI), 8 reserved bits. Reserved bits are sent as zero and ignored.
 */
#define VXLAN_HEADER  8
#define VXLAN_FLAG    0x08 /* I: the VNI is valid */
#define VXLAN_VNI_MAX 0xffffff
#define VXLAN_PORT    4789

static inline void vxlan_write(uint8_t header[VXLAN_HEADER], uint32_t vni)
{
	memset(header, 0, VXLAN_HEADER);
	header[0] = VXLAN_FLAG;
	header[4] = (uint8_t)(vni >> 16);
	header[5] = (uint8_t)(vni >> 8);
	header[6] = (uint8_t)vni;
}

/* False: @data is too short, or has no VNI. */
static inline bool vxlan_read(const uint8_t *data, size_t len, uint32_t *vni)
{
	if (len < VXLAN_HEADER || !(data[0] & VXLAN_FLAG))
		return false;
	*vni = (uint32_t)data[4] << 16 | (uint32_t)data[5] << 8 | data[6];
	return true;
}

#endif
