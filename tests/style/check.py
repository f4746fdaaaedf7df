#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The house rules that a machine can see. Usage: check.py RULE ROOT; prints each breach, and ends
with status 1 if there was one."""

import os
import re
import subprocess
import sys

import tree

# base <- net <- link, svc, fwd <- ctl <- main: what each layer may include.
LAYERS = {
    "base": {"base"},
    "net": {"base", "net"},
    "link": {"base", "net", "link"},
    "svc": {"base", "net", "svc"},
    "fwd": {"base", "net", "fwd"},
    "ctl": {"base", "net", "link", "svc", "fwd", "ctl"},
    "main": {"base", "net", "link", "svc", "fwd", "ctl", "main"},
    "tools": {"base", "tools"},
}

# What calls libslirp.
SLIRP_FILES = re.compile(r"usernet/svc/instance(_[a-z]+)?\.[ch]")

# What starts threads (isolation is set up while there is one).
THREADED_HEADERS = re.compile(r"gio/|pthread\.h|threads\.h")
THREADED_CALLS = re.compile(r"\b(g_unix_signal_\w+|g_thread_\w+|g_child_watch_\w+|pthread_create)\b")

TOP_LEVEL = {"usernet", "fwd", "tools", "tests", "meson.build", "meson_options.txt", "README",
             "COPYING"}

SPDX = "SPDX-License-Identifier: BSD-3-Clause"

# Think at 600 lines, split before 900.
THINK_LINES = 600
SPLIT_LINES = 900


def layer_of(path):
    """The layer PATH belongs to, or None for what may include anything (tests)."""
    parts = path.split("/")
    if parts[0] in ("fwd", "tools"):
        return parts[0]
    if parts[0] == "usernet":
        return parts[1] if len(parts) > 2 else "main"
    return None


def layers(root):
    breaches = []
    include = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
    for path in tree.files(root, r".*\.[ch]"):
        layer = layer_of(path)
        if layer is None:
            continue
        if layer not in LAYERS:
            breaches.append(f"{path}: no layer is called {layer!r}")
            continue
        for quote, name in include.findall(tree.text(root, path)):
            if quote == "<":
                if "slirp" in name and not SLIRP_FILES.fullmatch(path):
                    breaches.append(f"{path}: includes <{name}>; only usernet/svc/instance*.c may")
                if layer != "tools" and THREADED_HEADERS.match(name):
                    breaches.append(f"{path}: includes <{name}>, which may start threads")
                continue
            # Only main and the tools have headers that stand beside them.
            target = name.split("/")[0] if "/" in name else "tools" if layer == "tools" else "main"
            if target == "main" and layer != "main":
                breaches.append(f'{path}: includes "{name}", which names no layer')
            elif target not in LAYERS[layer]:
                breaches.append(f'{path}: includes "{name}": {layer} may not see {target}')
    return breaches


def calls(root):
    """The daemon has one thread, and only main.c ends it."""
    breaches = []
    for path in tree.files(root, r".*\.[ch]"):
        if layer_of(path) in (None, "tools"):
            continue
        for number, line in enumerate(tree.text(root, path).split("\n"), 1):
            if path != "usernet/main.c" and re.search(r"(?<![\w.>])exit\s*\(", line):
                breaches.append(f"{path}:{number}: calls exit; only usernet/main.c may")
            threaded = THREADED_CALLS.search(line)
            if threaded:
                breaches.append(f"{path}:{number}: {threaded.group()} starts a thread")
    return breaches


def sizes(root):
    breaches = []
    for path in tree.files(root, r".*\.[ch]"):
        lines = tree.text(root, path).count("\n")
        if lines > SPLIT_LINES:
            breaches.append(f"{path}: {lines} lines; split it (limit {SPLIT_LINES})")
        elif lines > THINK_LINES:
            print(f"note: {path}: {lines} lines; think about splitting it")
    return breaches


def top_level(root):
    return [f"{name}: does not belong at the top level" for name in tree.entries(root)
            if name not in TOP_LEVEL and not name.startswith(".")]


def spdx(root):
    breaches = []
    for path in tree.files(root):
        if not tree.is_source(root, path):
            continue
        lines = tree.text(root, path).split("\n")
        # The first line, or the second under a "#!".
        line = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        if SPDX not in line:
            breaches.append(f"{path}: does not begin with '{SPDX}'")
    return breaches


def paths(root):
    """Nothing names a place that only some machine has."""
    # Spelled in pieces, so this file is not a breach itself.
    places = re.compile("(?<![\\w.])/(" + "|".join((
        "wor" + r"k\b", "home/[a-z]", "roo" + r"t\b", "opt/[a-z]", "tmp/[a-z]*build")) + ")")
    breaches = []
    for path in tree.files(root):
        for number, line in enumerate((tree.text(root, path) or "").split("\n"), 1):
            if places.search(line):
                breaches.append(f"{path}:{number}: names a place of one machine: {line.strip()}")
    return breaches


def run(words, root):
    """One breach, its text, if the program is not content."""
    result = subprocess.run(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)
    return [] if result.returncode == 0 else [result.stdout or f"{words[0]} failed"]


def clang_format(root):
    return run(["clang-format", "--dry-run", "-Werror", "--style=file",
                *tree.files(root, r".*\.[ch]")], root)


def cppcheck(root):
    return run(["cppcheck", "--quiet", "-j2", "--std=c11", "--library=gnu", "--library=posix",
                "--library=gtk", "--enable=warning,performance,portability", "--inline-suppr",
                "--suppressions-list=" + os.path.join(os.path.dirname(__file__), "cppcheck.txt"),
                "--error-exitcode=1", "-I", "usernet", "-I", ".", "-D_GNU_SOURCE",
                '-DUSERNET_VERSION="0"', '-DG_LOG_DOMAIN="usernet"',
                *tree.files(root, r".*\.c")], root)


RULES = {
    "layers": layers,
    "calls": calls,
    "sizes": sizes,
    "top-level": top_level,
    "spdx": spdx,
    "paths": paths,
    "clang-format": clang_format,
    "cppcheck": cppcheck,
}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in RULES:
        sys.exit(__doc__ + "\nRULEs: " + " ".join(RULES))
    breaches = RULES[sys.argv[1]](sys.argv[2])
    for breach in breaches:
        print(breach)
    sys.exit(1 if breaches else 0)


if __name__ == "__main__":
    main()
