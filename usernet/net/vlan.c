/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/vlan.h"

static bool parse_range(struct vlan_set *set, const char *text)
{
	g_auto(GStrv) ends = g_strsplit(text, "..", 2);
	guint64 first, last;

	if (!ends[0] || !g_ascii_string_to_unsigned(ends[0], 10, 1, VLAN_MAX, &first, NULL))
		return false;
	last = first;
	if (ends[1] && !g_ascii_string_to_unsigned(ends[1], 10, first, VLAN_MAX, &last, NULL))
		return false;
	for (guint64 vlan = first; vlan <= last; vlan++)
		set->bits[vlan / 64] |= UINT64_C(1) << vlan % 64;
	return true;
}

bool vlan_set_parse(struct vlan_set *set, const char *text)
{
	g_auto(GStrv) ranges = g_strsplit(text, ";", -1);

	if (!ranges[0])
		return false;
	for (char **range = ranges; *range; range++) {
		if (!parse_range(set, *range))
			return false;
	}
	return true;
}
