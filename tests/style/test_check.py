#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each rule of check.py accepts a good tree and finds the fault in a bad one."""

import os
import shutil
import tempfile
import unittest

import check

HEAD = "/* SPDX-License-Identifier: BSD-3-Clause */\n"


class Rules(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="usernet-style-")
        self.addCleanup(shutil.rmtree, self.root)
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        shutil.copy(os.path.join(source, ".clang-format"), self.root)
        self.write("usernet/slirp/instance.c", '#include <libslirp.h>\n#include "base/loop.h"\n')
        self.write("usernet/main.c", '#include "ctl/config/config.h"\n#include "sandbox.h"\n')

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(HEAD + text)

    def finds(self, rule, path, text):
        """RULE accepts the tree without the file, and not with it."""
        self.assertEqual(check.RULES[rule](self.root), [])
        self.write(path, text)
        self.assertEqual(len(check.RULES[rule](self.root)), 1)

    def test_include_upward(self):
        self.finds("layers", "usernet/base/loop.c", '#include "net/port.h"\n')

    def test_include_sideways(self):
        self.finds("layers", "usernet/link/stream.c", '#include "dhcp/lease.h"\n')

    def test_include_sideways_out_of_forwards(self):
        self.finds("layers", "fwd/rule.c", '  #  include "link/stream.h"\n')

    def test_include_of_ctl_from_service(self):
        self.finds("layers", "usernet/dhcp/dhcp.c", '#include "ctl/control.h"\n')

    def test_include_of_a_higher_room(self):
        self.finds("layers", "usernet/slirp/nat.c", '#include "gateway/gateway.h"\n')

    def test_room_that_nobody_knows(self):
        self.finds("layers", "usernet/svc/nat.c", '#include "base/loop.h"\n')

    def test_include_without_layer(self):
        self.finds("layers", "usernet/net/port.c", '#include "port.h"\n')

    def test_tool_sees_only_base(self):
        self.finds("layers", "tools/usernetctl.c", '#include "ctl/qmp/qmp.h"\n')

    def test_libslirp_elsewhere(self):
        self.write("usernet/slirp/slirp.c", "#include <slirp/libslirp.h>\n")
        self.finds("layers", "usernet/dns/dns.c", "#include <slirp/libslirp.h>\n")

    def test_library_with_threads(self):
        self.finds("layers", "usernet/ctl/qmp/qmp.c", "#include <gio/gio.h>\n")

    def test_exit_outside_main(self):
        self.finds("calls", "usernet/net/port.c", "void f(void)\n{\n\texit(1);\n}\n")

    def test_thread(self):
        self.finds("calls", "usernet/base/loop.c", "\tg_unix_signal_add(15, f, NULL);\n")

    def test_file_too_long(self):
        self.finds("sizes", "usernet/net/port.c", "\n" * 901)

    def test_stranger_at_top_level(self):
        self.finds("top-level", "notes.txt", "")

    def test_missing_licence(self):
        self.assertEqual(check.spdx(self.root), [])
        with open(os.path.join(self.root, "tool"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho\n")
        self.assertEqual(len(check.spdx(self.root)), 1)

    def test_path_of_a_machine(self):
        self.finds("paths", "usernet/net/port.c", "/* see /ho" + "me/joe/notes */\n")

    def test_test_that_never_runs(self):
        self.write("tests/wire/meson.build", "wire_tests += ['nat']\n")
        self.write("tests/wire/test_nat.py", "")
        self.finds("listed", "tests/wire/test_tap.py", "")

    def test_format(self):
        self.finds("clang-format", "usernet/net/port.c", "int  f( void );\n")

    def test_cppcheck(self):
        self.finds("cppcheck", "usernet/net/port.c",
                   "int f(void)\n{\n\tint a[2] = {0, 0};\n\treturn a[2];\n}\n")


if __name__ == "__main__":
    unittest.main()
