/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/boot_file.h"

#include <glib.h>
#include <string.h>

#include "net/user_config.h"

enum { X86_64_EFI = 7, X86_64_EFI_OLD = 9 };

const struct boot_arch boot_archs[] = {
	{"x86-bios", 0},
	{"x86-efi", 6},
	{"x86_64-efi", X86_64_EFI},
	{"arm-efi", 10},
	{"arm64-efi", 11},
	{"ppc-openfirmware", 12},
	{"ppc-epapr", 13},
	{"ppc-opal", 14},
	{"x86-efi-http", 15},
	{"x86_64-efi-http", 16},
	{"arm-efi-http", 18},
	{"arm64-efi-http", 19},
	{"x86-bios-http", 20},
	{"arm-uboot", 21},
	{"arm64-uboot", 22},
	{"arm-uboot-http", 23},
	{"arm64-uboot-http", 24},
	{"riscv32-efi", 25},
	{"riscv32-efi-http", 26},
	{"riscv64-efi", 27},
	{"riscv64-efi-http", 28},
	{"s390x", 31},
	{"s390x-extended", 32},
	{"mips32-efi", 33},
	{"mips64-efi", 34},
	{"loongarch32-efi", 37},
	{"loongarch32-efi-http", 38},
	{"loongarch64-efi", 39},
	{"loongarch64-efi-http", 40},
	{"ipxe", BOOT_ARCH_IPXE},
	{NULL, 0},
};

static const char *file_of(const struct user_config *config, unsigned arch)
{
	/* RFC 4578 says 9; its erratum and current firmware say 7. */
	if (arch == X86_64_EFI_OLD)
		arch = X86_64_EFI;
	for (const struct boot_file *file = config->boot_files; file && file->name; file++) {
		if (file->arch == arch)
			return file->name;
	}
	return NULL;
}

const char *boot_file_for(const struct user_config *config, const uint8_t *archs, size_t len,
			  bool ipxe)
{
	const char *name = ipxe ? file_of(config, BOOT_ARCH_IPXE) : NULL;

	for (size_t i = 0; i + 1 < len && !name; i += 2)
		name = file_of(config, (unsigned)(archs[i] << 8 | archs[i + 1]));
	return name ? name : config->bootfile;
}

bool boot_file_is_url(const char *name)
{
	const char *colon = name ? strstr(name, "://") : NULL;

	if (!colon || colon == name)
		return false;
	for (const char *p = name; p < colon; p++) {
		if (!g_ascii_isalnum(*p) && *p != '+' && *p != '-' && *p != '.')
			return false;
	}
	return true;
}
