# SPDX-License-Identifier: BSD-3-Clause
"""The human monitor, read as QEMU's own tests and existing tools read it."""

import re
import socket
import unittest

from lib.daemon import Daemon, Folder

HEADER = "  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ"


class Hmp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.daemon = Daemon(cls.folder, "--netdev",
                            "user,id=nat,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=udp:127.0.0.1:0-:53",
                            "--netdev", "socket,id=lan,listen=127.0.0.1:0")
        cls.qmp = cls.daemon.qmp()

    @classmethod
    def tearDownClass(cls):
        cls.qmp.close()
        status = cls.daemon.stop()
        errors = cls.daemon.errors()
        cls.folder.close()
        if status != 0:
            raise AssertionError(f"the daemon ended with status {status}: {errors}")

    def says(self, line, text):
        self.assertEqual(self.qmp.hmp(line), text)

    def test_info_usernet_read_as_qemus_tests_do(self):
        # QEMU tests/functional: get_info_usernet_hostfwd_port
        for line in self.qmp.hmp("info usernet").split("\r\n"):
            match = re.search(r"TCP.HOST_FORWARD.*127\.0\.0\.1\s+(\d+)\s+10\.", line)
            if match is not None:
                port = int(match[1])
                break
        else:
            self.fail("no forwarded port found")
        with socket.create_connection(("127.0.0.1", port), 10):
            pass

    def test_info_usernet_has_qemus_columns(self):
        lines = self.qmp.hmp("info usernet").split("\r\n")
        self.assertEqual(lines[0], "Hub -1 (nat):")
        self.assertEqual(lines[1], HEADER)
        self.assertEqual(lines[-1], "")
        [tcp] = [line for line in lines if line.startswith("  TCP[HOST_FORWARD]")]
        self.assertRegex(tcp, r"^  TCP\[HOST_FORWARD\] [ \d]{3}       127\.0\.0\.1 [ \d]{5}"
                              r"       10\.0\.2\.15    22     0     0$")
        [udp] = [line for line in lines if line.startswith("  UDP[HOST_FORWARD]")]
        self.assertEqual(len(udp), len(HEADER))

    def test_hostfwd_add_is_silent_and_remove_says_what_it_did(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        rule = f"tcp:127.0.0.1:{port}"
        for owner in ("", "nat "):
            self.says(f"hostfwd_add {owner}{rule}-:80", "")
            with socket.create_connection(("127.0.0.1", port), 10):
                pass
            self.says(f"hostfwd_remove {owner}{rule}",
                      f"host forwarding rule for {rule} removed\r\n")
            self.says(f"hostfwd_remove {owner}{rule}",
                      f"host forwarding rule for {rule} not found\r\n")
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 10)

    def test_hostfwd_mistakes_are_in_qemus_words(self):
        self.says("hostfwd_add zz tcp::0-:66", "unrecognized netdev id 'zz'\r\n")
        self.says("hostfwd_add lan tcp::0-:66", "invalid device specified\r\n")
        self.says("hostfwd_add tcp6666-:66",
                  "Invalid host forwarding rule 'tcp6666-:66' (Bad protocol name): "
                  "'tcp6666-' should be tcp, udp or unix (left out: tcp), in "
                  "[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport\r\n")
        self.says("hostfwd_remove tcp6666", "invalid format\r\n")
        self.says("hostfwd_add", "hostfwd_add: string expected\r\n"
                                 "Try \"help hostfwd_add\" for more information\r\n")
        self.says("hostfwd_add a b c",
                  "hostfwd_add: extraneous characters at the end of line\r\n"
                  "Try \"help hostfwd_add\" for more information\r\n")
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            rule = f"tcp:127.0.0.1:{holder.getsockname()[1]}-:22"
            text = self.qmp.hmp(f"hostfwd_add {rule}")
        self.assertTrue(text.startswith(f"Could not set up host forwarding rule '{rule}'"), text)
        self.assertTrue(text.endswith("\r\n"), text)

    def test_without_a_user_netdev_it_says_so(self):
        with Folder() as folder, Daemon(folder, "--netdev",
                                        "socket,id=lan,listen=127.0.0.1:0") as daemon:
            with daemon.qmp() as qmp:
                self.assertEqual(qmp.hmp("hostfwd_add tcp::0-:1"),
                                 "user mode network stack not in use\r\n")
                self.assertEqual(qmp.hmp("info usernet"), "")

    def test_netdevs_come_and_go(self):
        self.says('netdev_add "socket,id=more,listen=127.0.0.1:0"', "")
        self.assertIn("\r\nmore: index=0,type=socket,\r\n", self.qmp.hmp("info network"))
        self.says("netdev_del more", "")
        self.assertNotIn("more", self.qmp.hmp("info network"))
        self.says("netdev_del more", "Error: Device 'more' not found\r\n")
        self.assertTrue(self.qmp.hmp("netdev_add foo,id=x").startswith(
            "Error: Parameter 'type' does not accept value 'foo'"))

    def test_set_link(self):
        self.says("set_link lan off", "")
        self.assertRegex(self.qmp.hmp("info network"), r"lan: .*,link=down\r\n")
        self.says("set_link lan on", "")
        self.assertNotIn("link=down", self.qmp.hmp("info network"))
        self.says("set_link zz on", "Error: Device 'zz' not found\r\n")
        self.says("set_link lan maybe", "Expected 'on' or 'off'\r\n"
                                        "Try \"help set_link\" for more information\r\n")

    def test_help_and_unknown_words(self):
        names = [re.split(r"[ |]", line)[0] for line in self.qmp.hmp("help").split("\r\n")[:-1]]
        self.assertEqual(names, ["help", "hostfwd_add", "hostfwd_remove", "info", "netdev_add",
                                 "netdev_del", "quit", "set_link"])
        self.assertTrue(self.qmp.hmp("help hostfwd_add").startswith(
            "hostfwd_add [netdev_id] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport -- "))
        self.assertEqual(self.qmp.hmp("?"), self.qmp.hmp("help"))
        self.assertEqual(self.qmp.hmp("help info"), self.qmp.hmp("info"))
        self.says("foo", "unknown command: 'foo'\r\n")
        self.says("help foo", "unknown command: 'foo'\r\n")
        self.says("info foo", "unknown command: 'info foo'\r\n")
        self.says("", "")
        self.says("   \t ", "")
        self.says("a " * 1000, "too many words\r\n")
        self.says('"', "unknown command: '\"'\r\n")
        self.assertRegex(self.qmp.hmp("info version"), r"^usernet \d+\.\d+\.\d+\r\n$")

    def test_names_of_commands_are_never_quoted(self):
        # As QEMU 7.2 answers.
        self.says('"info usernet"', "unknown command: '\"info'\r\n")
        self.says('info "network"', "unknown command: 'info \"network\"'\r\n")
        self.assertEqual(self.qmp.hmp(" info   usernet "), self.qmp.hmp("info usernet"))

    def test_quit(self):
        with Folder() as folder, Daemon(folder) as daemon:
            with daemon.qmp() as qmp:
                self.assertEqual(qmp.hmp("q"), "")
            self.assertEqual(daemon.wait(), 0)
