/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "harness.h"
#include "packet/hello.h"

/*
 * The first bytes of a connection, whole and in growing pieces. A verdict does not change when more
 * bytes come; a name that is found is one that DNS could have; HELLO_MAX bytes are always enough.
 */
static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = 1 + size / 64;
	enum hello last = HELLO_MORE;
	struct dns_name name, again;

	if (size > HELLO_MAX)
		size = HELLO_MAX;
	for (size_t len = 0; len <= size; len += step) {
		enum hello hello = hello_read(&again, data, len, true, true);

		check(last == HELLO_MORE || hello == last);
		if (last == HELLO_NAMED)
			check(dns_name_equal(&name, &again));
		if (hello == HELLO_NAMED) {
			name = again;
			check(name.len > 1 && dns_name_labels(&name) > 0);
		}
		last = hello;
	}
	if (size == HELLO_MAX)
		check(hello_read(&name, data, size, true, true) != HELLO_MORE);
	check(hello_read(&name, data, size, false, false) != HELLO_NAMED);
	return 0;
}
