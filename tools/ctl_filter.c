/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_filter.h"

#ifdef USERNET_PCAP

#include <pcap/pcap.h>

#define SNAP_LEN 262144

static char *write_program(const struct bpf_program *program)
{
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "%u", program->bf_len);
	for (unsigned i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *insn = &program->bf_insns[i];

		g_string_append_printf(text, ",%u %u %u %u", insn->code, insn->jt, insn->jf,
				       insn->k);
	}
	return g_string_free(text, FALSE);
}

char *ctl_filter_compile(const char *expression, GError **error)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, SNAP_LEN);
	struct bpf_program program;
	char *text = NULL;

	if (pcap && pcap_compile(pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN) == 0) {
		text = write_program(&program);
		pcap_freecode(&program);
	} else {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "filter '%s': %s",
			    expression, pcap ? pcap_geterr(pcap) : "out of memory");
	}
	if (pcap)
		pcap_close(pcap);
	return text;
}

#else

char *ctl_filter_compile(const char *expression, GError **error)
{
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		    "filter '%s': usernetctl was built without libpcap", expression);
	return NULL;
}

#endif
