/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/error.h"
#include "ctl/netdev_kind.h"
#include "ctl/options/segment.h"
#include "link/vde.h"
#include "net/netdev.h"

/* QEMU qapi/net.json NetdevVdeOptions */
static const struct opt_spec specs[] = {
	{.key = "sock"},  {.key = "port", .type = OPT_NUMBER, .min = 0, .max = G_MAXUINT16},
	{.key = "group"}, {.key = "mode"},
	SEGMENT_SPECS,    {NULL},
};

static bool read_options(struct vde_config *config, const struct optstr *opts, GError **error)
{
	const char *mode = optstr_get(opts, "mode");
	guint64 bits = 0700; /* as in QEMU; the library takes 0 for no access */

	/* QEMU takes the number as it is written; people mean octal. */
	if (mode && !g_ascii_string_to_unsigned(mode, 8, 0, 0777, &bits, NULL))
		return error_usage(error, "mode=%s is not an octal file mode, like 0660", mode);
	*config = (struct vde_config){
		.id = optstr_get(opts, "id"),
		.sock = optstr_get(opts, "sock"),
		.port = (int)optstr_number(opts, "port", 0),
		.group = optstr_get(opts, "group"),
		.mode = (mode_t)bits,
	};
	return true;
}

static bool check(const struct optstr *opts, GError **error)
{
	struct vde_config config;

#ifndef USERNET_VDE
	return error_usage(error, "vde: this usernet was built without libvdeplug");
#endif
	return read_options(&config, opts, error);
}

static bool build(struct attachment *attachment, struct network *network, struct fd_source *fds,
		  GError **error)
{
#ifdef USERNET_VDE
	struct vde_config config;

	if (!read_options(&config, attachment->opts, error))
		return false;
	attachment->role = ATTACHMENT_DIALS;
	attachment->netdev = vde_netdev_new(network, &config, error);
	return attachment->netdev != NULL;
#else
	return check(attachment->opts, error);
#endif
}

const struct netdev_kind netdev_kind_vde = {"vde", specs, check, build};
