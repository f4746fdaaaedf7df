/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_GUESTS_H
#define USERNET_CTL_GUESTS_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/options/optstr.h"
#include "ctl/origin.h"
#include "net/reservation.h"

/*
 * The named guests: --guest, [guest NAME], guest-add. The reservations belong to the network
 * (net/reservation.h); this table stores who asked for them, and the option strings.
 */
struct control;

struct named_guest {
	struct optstr *opts; /* NAME[,mac=][,ip=][,port=][,outgoing=][,allow=][,deny=] */
	enum origin origin;
};

/* Of struct named_guest, by name in lower case. */
GHashTable *guests_new(void);

/* The implied key of a guest's option string is "name". */
extern const struct opt_spec guest_specs[];

/*
 * Parses keys and values; does not check for conflicts with other guests. @out points into @opts.
 */
bool guest_options_read(struct reservation_spec *out, struct optstr *opts, GError **error);

/*
 * Always takes ownership of @opts. ERROR_USAGE, or an error of net/reservation.h: name, MAC or
 * address is in use.
 */
const struct reservation *guests_add(struct control *control, struct optstr *opts,
				     enum origin origin, GError **error);
/* ERROR_NOT_FOUND */
bool guests_remove(struct control *control, const char *name, GError **error);
struct named_guest *guests_find(struct control *control, const char *name);
#endif
