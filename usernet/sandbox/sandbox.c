/* SPDX-License-Identifier: BSD-3-Clause */
#include "sandbox/sandbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "sandbox/parts.h"
#include "sandbox/place.h"

struct sandbox {
	enum sandbox_mode mode;
	GPtrArray *places; /* of struct place * */
	bool in_force[SANDBOX_PARTS];
	char *missing[SANDBOX_PARTS]; /* why a part is not in force; owned */
};

static const char *const mode_names[] = {
	[SANDBOX_ON] = "on",
	[SANDBOX_FULL] = "full",
	[SANDBOX_REQUIRE] = "require",
	[SANDBOX_OFF] = "off",
};

static const char *const part_names[] = {
	[SANDBOX_NAMESPACES] = "namespaces",
	[SANDBOX_PATHS] = "paths",
	[SANDBOX_PRIVILEGES] = "privileges",
	[SANDBOX_SYSCALLS] = "system-calls",
};

static_assert(G_N_ELEMENTS(part_names) == SANDBOX_PARTS, "a name for each part");

bool sandbox_mode_parse(const char *word, enum sandbox_mode *mode)
{
	for (size_t i = 0; i < G_N_ELEMENTS(mode_names); i++) {
		if (!strcmp(mode_names[i], word)) {
			*mode = (enum sandbox_mode)i;
			return true;
		}
	}
	return false;
}

struct sandbox *sandbox_new(enum sandbox_mode mode)
{
	struct sandbox *sandbox = g_new0(struct sandbox, 1);

	sandbox->mode = mode;
	sandbox->places = places_new();
	return sandbox;
}

void sandbox_free(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	g_ptr_array_unref(sandbox->places);
	for (int i = 0; i < SANDBOX_PARTS; i++)
		g_free(sandbox->missing[i]);
	g_free(sandbox);
}

void sandbox_allow(struct sandbox *sandbox, const char *path, unsigned access)
{
	places_add(sandbox->places, path, access);
}

void sandbox_allow_around(struct sandbox *sandbox, const char *file, unsigned access)
{
	places_add_around(sandbox->places, file, access);
}

/*
 * Sanitizers, coverage and valgrind open files, map code and start threads at times of their own
 * choosing. Returns the tool's name, or NULL.
 */
static const char *watched_by(void)
{
#ifdef USERNET_INSTRUMENTED
	return USERNET_INSTRUMENTED;
#else
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "/vgpreload_") ? "valgrind" : NULL;
#endif
}

/* Takes @why. A missing part is an error only with SANDBOX_REQUIRE. */
static bool note(struct sandbox *sandbox, enum sandbox_part part, bool done, GError *why,
		 GError **error)
{
	sandbox->in_force[part] = done;
	if (done)
		return true;
	sandbox->missing[part] = g_strdup(why->message);
	if (sandbox->mode == SANDBOX_REQUIRE) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED, "no sandbox for %s: %s",
			    part_names[part], why->message);
	} else {
		log_warning("the sandbox does not restrict %s: %s", part_names[part], why->message);
	}
	g_error_free(why);
	return sandbox->mode != SANDBOX_REQUIRE;
}

/* True: this part is not to be tried. */
static bool skip(struct sandbox *sandbox, enum sandbox_part part)
{
	const char *tool = watched_by();

	if (sandbox->mode == SANDBOX_OFF)
		return true;
	if (!tool || sandbox->mode == SANDBOX_REQUIRE)
		return false;
	sandbox->missing[part] = g_strdup_printf("off for %s", tool);
	return true;
}

static bool refuse_tool(const struct sandbox *sandbox, GError **error)
{
	const char *tool = watched_by();

	if (!tool || sandbox->mode != SANDBOX_REQUIRE)
		return true;
	g_set_error(error, USERNET_ERROR, ERROR_FAILED, "there is no sandbox with %s", tool);
	return false;
}

bool sandbox_confine(struct sandbox *sandbox, GError **error)
{
	GError *why = NULL;
	bool done;

	if (!refuse_tool(sandbox, error))
		return false;
	if (sandbox->mode == SANDBOX_FULL && !skip(sandbox, SANDBOX_NAMESPACES)) {
		done = namespaces_enter(sandbox->places, &why);
		if (!note(sandbox, SANDBOX_NAMESPACES, done, why, error))
			return false;
	}
	if (skip(sandbox, SANDBOX_PATHS))
		return true;
	why = NULL;
	done = landlock_restrict(sandbox->places, &why);
	return note(sandbox, SANDBOX_PATHS, done, why, error);
}

bool sandbox_lock(struct sandbox *sandbox, GError **error)
{
	GError *why = NULL;
	bool done;

	if (sandbox->mode == SANDBOX_OFF)
		return true;
	done = privileges_drop(&why);
	if (!note(sandbox, SANDBOX_PRIVILEGES, done, why, error))
		return false;
	if (skip(sandbox, SANDBOX_SYSCALLS))
		return true;
	why = NULL;
	done = syscalls_restrict(&why);
	return note(sandbox, SANDBOX_SYSCALLS, done, why, error);
}

const char *sandbox_mode_name(const struct sandbox *sandbox)
{
	return mode_names[sandbox->mode];
}

const char *sandbox_part_name(enum sandbox_part part)
{
	return part_names[part];
}

bool sandbox_has(const struct sandbox *sandbox, enum sandbox_part part)
{
	return sandbox->in_force[part];
}

const char *sandbox_missing(const struct sandbox *sandbox, enum sandbox_part part)
{
	return sandbox->missing[part];
}
