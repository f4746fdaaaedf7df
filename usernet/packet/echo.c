/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/echo.h"

#include "base/checksum.h"

#define HOP_LIMIT 64

void echo_reply(const struct packet *request, mac_t mac, uint8_t *out)
{
	uint8_t *ip = out + ETH_HEADER, *icmp = out + request->l4;
	unsigned addresses = request->v6 ? 8 : 12, addr_len = request->v6 ? 16 : 4;
	uint16_t from, to, check;

	memcpy(out, request->frame, request->len);
	memcpy(out, request->frame + MAC_LEN, MAC_LEN);
	mac_write(out + MAC_LEN, mac);
	memcpy(ip + addresses, request->frame + ETH_HEADER + addresses + addr_len, addr_len);
	memcpy(ip + addresses + addr_len, request->frame + ETH_HEADER + addresses, addr_len);
	if (request->v6) {
		ip[7] = HOP_LIMIT;
	} else {
		ip[8] = HOP_LIMIT;
		memset(ip + 10, 0, 2);
		check = csum_fold(csum_add(0, ip, 20));
		memcpy(ip + 10, &check, 2);
	}
	/* Swapping the addresses leaves the checksum as it is; the type changes it. */
	memcpy(&from, icmp, 2);
	icmp[0] = request->v6 ? 129 : 0;
	memcpy(&to, icmp, 2);
	csum_update16(icmp + 2, from, to);
}
