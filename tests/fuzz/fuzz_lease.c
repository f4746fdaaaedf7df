/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>

#include "dhcp/record.h"
#include "harness.h"

/* Lines of a lease file. Accepted lines must print unchanged and fit into the pool. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	struct in_addr start = {htonl(0x0a00020f)}, last = {htonl(0x0a0002fe)};
	struct lease_pool *pool = lease_pool_new(start, last, NULL);

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline ? newline : end) - p);
		struct lease_record record, again;
		const char *why = NULL;

		if (lease_record_parse(&record, p, len, &why)) {
			g_autoptr(GString) line = g_string_new(NULL);

			lease_record_format(line, &record);
			g_assert_cmpuint(line->len, <=, LEASE_LINE_MAX);
			g_assert_true(lease_record_parse(&again, line->str, line->len - 1, &why));
			g_assert_cmpmem(&again, sizeof(again), &record, sizeof(record));
			lease_record_settle(&record, 0, 1700000000, 7 * 86400 * USEC_PER_SEC);
			if (lease_restore(pool, &record.lease))
				g_assert_nonnull(lease_by_addr(pool, record.lease.addr));
		} else {
			g_assert_nonnull(why);
		}
		p += len + 1;
	}
	lease_sweep(pool, LEASE_FOREVER - 1);
	g_assert_cmpuint(lease_pool_bound(pool), ==, 0);
	lease_pool_free(pool);
	return 0;
}
