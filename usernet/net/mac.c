/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/mac.h"

#include <glib.h>
#include <string.h>

#define PREFIX      UINT64_C(0x525400000000)
#define QEMUS_OWN   UINT64_C(0x525400123400)
#define DIGEST_SIZE 32

uint64_t guest_mac_derive(const char *network, const char *name, unsigned attempt)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);
	uint64_t mac = QEMUS_OWN;

	for (unsigned round = 0; (mac & ~UINT64_C(0xff)) == QEMUS_OWN; round++) {
		g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
		g_autofree char *tries = g_strdup_printf("%u.%u", attempt, round);
		uint8_t digest[DIGEST_SIZE];
		gsize len = sizeof(digest);

		/* Hash the NULs too, so that different pairs never give the same text. */
		g_checksum_update(sum, (const guchar *)network, (gssize)strlen(network) + 1);
		g_checksum_update(sum, (const guchar *)lower, (gssize)strlen(lower) + 1);
		g_checksum_update(sum, (const guchar *)tries, -1);
		g_checksum_get_digest(sum, digest, &len);
		mac = PREFIX | (uint64_t)digest[0] << 16 | (uint64_t)digest[1] << 8 | digest[2];
	}
	return mac;
}

bool guest_mac_parse(const char *text, uint64_t *mac)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 6; i++) {
		if (i > 0 && *text++ != ':')
			return false;
		if (!g_ascii_isxdigit(*text))
			return false;
		value = value << 8 | (uint64_t)g_ascii_xdigit_value(*text++);
		if (g_ascii_isxdigit(*text))
			value = (value & ~UINT64_C(0xff)) | (value & 0xff) << 4 |
				(uint64_t)g_ascii_xdigit_value(*text++);
	}
	/* Refuse the group bit: such an address is not a single host's. */
	if (*text || !value || value >> 40 & 1)
		return false;
	*mac = value;
	return true;
}

void guest_mac_format(char text[GUEST_MAC_TEXT], uint64_t mac)
{
	g_snprintf(text, GUEST_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x",
		   (unsigned)(mac >> 40 & 0xff), (unsigned)(mac >> 32 & 0xff),
		   (unsigned)(mac >> 24 & 0xff), (unsigned)(mac >> 16 & 0xff),
		   (unsigned)(mac >> 8 & 0xff), (unsigned)(mac & 0xff));
}
