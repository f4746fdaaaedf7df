# SPDX-License-Identifier: BSD-3-Clause
"""Bad input on the command line: one clear line that names the part, and no leftovers."""

import os
import socket
import unittest

from lib.daemon import Daemon, Folder, run_ctl, run_daemon

FAILED, USAGE = 1, 2


class CliErrors(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def refused(self, status, parts, *arguments, **options):
        """The daemon does not start; its one line has every one of PARTS."""
        before = self.folder.left()
        result = run_daemon(self.folder, *arguments, **options)
        with self.subTest(arguments=arguments):
            self.assertEqual(result.stdout, "")
            lines = result.stderr.splitlines()
            self.assertEqual(len(lines), 1, result.stderr)
            self.assertTrue(lines[0].startswith("usernet: "), lines[0])
            for part in parts:
                self.assertIn(part, lines[0])
            self.assertEqual(result.returncode, status, lines[0])
            self.assertEqual(self.folder.left(), before)

    def netdev_refused(self, status, part, netdev):
        self.refused(status, [part, f"--netdev {netdev}: "], "--netdev", netdev)

    def test_unknown_netdev(self):
        self.netdev_refused(USAGE, "Parameter 'type' does not accept value 'pigeon'; the netdevs "
                                   "are user, stream, dgram, socket", "pigeon,id=a")

    def test_unknown_key(self):
        self.netdev_refused(USAGE, "Parameter 'gate' is unexpected; user knows id, ipv4,",
                            "user,id=a,gate=1")
        self.netdev_refused(USAGE, "Parameter 'addr.pth' is unexpected; stream knows id, server,",
                            "stream,id=a,addr.type=unix,addr.pth=x")

    def test_missing_value(self):
        self.netdev_refused(USAGE, "Expected '=' after parameter 'net'", "user,id=a,net")
        self.netdev_refused(USAGE, "Parameter 'net' has no value", "user,id=a,net=")
        self.netdev_refused(USAGE, "Parameter 'id' is missing", "user")
        self.refused(USAGE, ["Missing argument for --netdev"], "--netdev")

    def test_bad_address(self):
        for part, netdev in (
                ("net=300.0.0.0/8", "user,id=a,net=300.0.0.0/8"),
                ("host=10.0.2", "user,id=a,host=10.0.2"),
                ("dns=ten", "user,id=a,dns=ten"),
                ("ipv6-net=fec0", "user,id=a,ipv6-net=fec0"),
        ):
            self.netdev_refused(USAGE, part, netdev)
        self.netdev_refused(USAGE, "'no.such.host' is not an address",
                            "stream,id=a,addr.type=inet,addr.host=no.such.host,addr.port=1")
        self.netdev_refused(USAGE, "'70000' is not a port",
                            "stream,id=a,addr.type=inet,addr.host=127.0.0.1,addr.port=70000")

    def test_net_without_room(self):
        for length in (31, 32):
            self.netdev_refused(USAGE, f"/{length}", f"user,id=a,net=10.0.2.0/{length}")

    def test_addresses_outside_the_net(self):
        for key in ("host", "dhcpstart", "dhcpend"):
            self.netdev_refused(USAGE, f"{key}: 10.9.9.9", f"user,id=a,{key}=10.9.9.9")

    def test_duplicate_id(self):
        self.refused(USAGE, ["--netdev stream,id=a", "Duplicate ID 'a' for netdev"],
                     "--netdev", "user,id=a", "--netdev",
                     f"stream,id=a,server=on,addr.type=unix,addr.path={self.folder.file('s')}")

    def test_port_in_use(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            for netdev in (f"stream,id=a,server=on,addr.type=inet,addr.host=127.0.0.1,"
                           f"addr.port={port}",
                           f"socket,id=a,listen=127.0.0.1:{port}"):
                self.netdev_refused(FAILED, f"127.0.0.1:{port} is in use", netdev)
            rule = f"tcp:127.0.0.1:{port}-:22"
            self.netdev_refused(FAILED, f"Could not set up host forwarding rule '{rule}'",
                                f"user,id=a,hostfwd={rule}")

    def test_bad_forward(self):
        for rule, reason in (("x", "No : separators"), ("icmp::1-:1", "Bad protocol name"),
                             ("tcp:::", "Bad host port separator"),
                             ("tcp::0-:0", "Bad guest port")):
            self.netdev_refused(USAGE, f"Invalid host forwarding rule '{rule}' ({reason})",
                                f"user,id=a,hostfwd={rule}")

    def test_path_too_long(self):
        path = self.folder.file("x" * 120)
        for netdev in (f"stream,id=a,server=on,addr.type=unix,addr.path={path}",
                       f"dgram,id=a,local.type=unix,local.path={path}"):
            self.netdev_refused(USAGE, f"socket path too long: '{path}'", netdev)

    def test_path_that_is_a_file(self):
        path = self.folder.file("file")
        with open(path, "w", encoding="utf-8") as file:
            file.write("keep me")
        for netdev in (f"stream,id=a,server=on,addr.type=unix,addr.path={path}",
                       f"dgram,id=a,local.type=unix,local.path={path}"):
            self.netdev_refused(FAILED, f"'{path}' exists and is not a socket", netdev)
        self.refused(FAILED, [f"'{path}' exists and is not a socket"], "--qmp", f"unix:{path}")
        self.refused(FAILED, [f"'{path}' is not a directory"], "--run-dir", path)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "keep me")

    def test_second_instance_of_a_name(self):
        with Daemon(self.folder, name="twin") as daemon:
            self.refused(FAILED, ["network 'twin' cannot be started", f"pid {daemon.pid}", "choose another --name"],
                         "--name", "twin")
            with daemon.qmp() as qmp:
                self.assertTrue(qmp.run("query-status")["running"])
            with Daemon(self.folder, name="other"):
                pass

    def test_unreadable_directory(self):
        path = self.folder.file("shut")
        os.mkdir(path, 0)
        self.refused(FAILED, [path, "Permission denied"], "--run-dir", path)
        self.refused(FAILED, [path, "Permission denied"], "--run-dir", os.path.join(path, "in"))
        self.netdev_refused(FAILED, path,
                            f"stream,id=a,server=on,addr.type=unix,addr.path={path}/s")

    def test_run_directory_of_another_user(self):
        root = os.stat("/etc").st_uid  # root's name in a user namespace
        self.refused(FAILED, ["'/etc'", f"belongs to user {root}"], "--run-dir", "/etc")
        environment = {**self.folder.environment(), "XDG_RUNTIME_DIR": "/etc"}
        folder_environment, self.folder.environment = (self.folder.environment,
                                                       lambda: environment)
        self.refused(FAILED, ["/etc/usernet"])
        self.folder.environment = folder_environment

    def test_run_directory_open_to_others(self):
        path = self.folder.file("open")
        os.mkdir(path)
        os.chmod(path, 0o777)
        self.refused(FAILED, [path, "writable by others"], "--run-dir", path)

    def test_options(self):
        for parts, arguments in (
                (["Unknown option --frob"], ["--frob"]),
                (["unexpected argument 'guest'"], ["guest"]),
                (["--name 'a/b'"], ["--name", "a/b"]),
                (["--name ''"], ["--name", ""]),
                (["--name '..'"], ["--name", ".."]),
                (["--log-level 'loud'"], ["--log-level", "loud"]),
                (["--ready-fd 'one'"], ["--ready-fd", "one"]),
                (["--ready-fd 999"], ["--ready-fd", "999"]),
                (["--qmp 'tcp:1'"], ["--qmp", "tcp:1"]),
        ):
            self.refused(USAGE, parts, *arguments)
        self.refused(FAILED, ["--pidfile", self.folder.file("no", "pid")],
                     "--pidfile", self.folder.file("no", "pid"))
        self.refused(FAILED, ["--pidfile", self.folder.path], "--pidfile", self.folder.path)

    def test_descriptors_that_are_not_there(self):
        self.netdev_refused(USAGE, "file descriptor 900 is not open", "socket,id=a,fd=900")
        self.netdev_refused(USAGE, "Invalid file descriptor number 'x'", "socket,id=a,fd=x")
        read_end, write_end = os.pipe()
        self.refused(USAGE, ["not a socket"], "--netdev", f"socket,id=a,fd={read_end}",
                     pass_fds=(read_end,))
        os.close(read_end)
        os.close(write_end)


class CtlErrors(unittest.TestCase):
    def test_help_of_a_command(self):
        with Folder() as folder:
            for arguments, lines in (
                    (["run", "--help"], ["  usernetctl run [--guest NAME] QEMU [ARGUMENT...]"]),
                    (["hostfwd", "-h"], ["  usernetctl hostfwd add [--id NETDEV] RULE",
                                         "  usernetctl hostfwd remove [--id NETDEV] RULE"]),
                    (["--help"], ["Shows and changes a running usernet."])):
                with self.subTest(arguments=arguments):
                    result = run_ctl(folder, *arguments)
                    self.assertEqual((result.returncode, result.stderr), (0, ""))
                    for line in lines:
                        self.assertIn(line, result.stdout.splitlines())
            self.assertNotIn("Shows and changes", run_ctl(folder, "run", "--help").stdout)
            self.assertIn("  usernetctl hostfwd add", run_ctl(folder, "hostfwd").stderr)

    def test_statuses_tell_what_went_wrong(self):
        with Folder() as folder:
            cases = [
                (3, "Start it with: usernet\n", ["status"]),
                (3, "Start it with: usernet --name lab\n", ["--name", "lab", "status"]),
                (3, "cannot reach usernet", ["--socket", "/nonexistent", "status"]),
                (2, "unknown command 'frob'", ["frob"]),
                (2, "unknown command 'hostfwd frob'", ["hostfwd", "frob"]),
                (2, "a command is missing", []),
                (2, "Unknown option --frob", ["--frob"]),
                (2, "write usernetctl hostfwd add [--id NETDEV] RULE", ["hostfwd", "add"]),
                (2, "write usernetctl status", ["status", "now"]),
            ]
            for status, part, arguments in cases:
                with self.subTest(arguments=arguments):
                    result = run_ctl(folder, *arguments)
                    self.assertEqual(result.returncode, status, result.stderr)
                    self.assertIn(part, result.stderr)
                    self.assertEqual(result.stdout, "")
            with Daemon(folder):
                for part, arguments in (
                        ("Device 'x' not found", ["netdev", "del", "x"]),
                        ("Device 'x' not found", ["link", "x", "up"]),
                        ("does not accept value 'foo'", ["netdev", "add", "foo,id=a"]),
                        ("Invalid host forwarding rule 'x'", ["hostfwd", "add", "x"]),
                        ("host forwarding rule for tcp::1 not found",
                         ["hostfwd", "remove", "tcp::1"]),
                        ("The command x has not been found", ["qmp", '{"execute":"x"}']),
                ):
                    with self.subTest(arguments=arguments):
                        result = run_ctl(folder, *arguments)
                        self.assertEqual(result.returncode, 1)
                        self.assertTrue(result.stderr.startswith("usernetctl: "))
                        self.assertIn(part, result.stderr)
                for arguments in (["link", "x", "sideways"], ["qmp", "{"]):
                    self.assertEqual(run_ctl(folder, *arguments).returncode, 2)
