/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/error.h"

G_DEFINE_QUARK(usernet - ctl - error - quark, ctl_error)
