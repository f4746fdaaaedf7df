/* SPDX-License-Identifier: BSD-3-Clause */
#include "rough.h"

#include <string.h>

#define OVERTAKEN_BY 4 /* frames: more than three, that TCP takes it for lost (RFC 5681 3.2) */

void rough_init(struct rough *rough, unsigned long one_in, uint32_t seed)
{
	memset(rough, 0, sizeof *rough);
	rough->one_in = one_in;
	rough->random = seed;
}

/* xorshift32: G. Marsaglia, "Xorshift RNGs", 2003, section 3.1 */
static uint32_t next_number(struct rough *rough)
{
	rough->random ^= rough->random << 13;
	rough->random ^= rough->random >> 17;
	rough->random ^= rough->random << 5;
	return rough->random;
}

enum rough_fate rough_fate(struct rough *rough, const uint8_t *frame, size_t len)
{
	unsigned long number;

	if (!rough->one_in)
		return ROUGH_GOES;
	number = next_number(rough) % rough->one_in;
	if (number == 0) {
		rough->lost++;
		return ROUGH_LOST;
	}
	if (number == 1 && !rough->late_len) {
		memcpy(rough->late, frame, len);
		rough->late_len = len;
		rough->overtaken = OVERTAKEN_BY;
		rough->delayed++;
		return ROUGH_LATE;
	}
	return ROUGH_GOES;
}

bool rough_due(struct rough *rough, bool now)
{
	if (!rough->late_len)
		return false;
	if (rough->overtaken > 0)
		rough->overtaken--;
	return now || rough->overtaken == 0;
}

void rough_sent(struct rough *rough)
{
	rough->late_len = 0;
}
