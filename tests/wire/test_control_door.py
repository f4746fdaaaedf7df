# SPDX-License-Identifier: BSD-3-Clause
"""The control socket: who may connect, how much each client may hold, and the counters."""
import errno
import json
import os
import socket
import stat
import time
import unittest

from lib.daemon import Daemon, Folder
from lib.qmp import Qmp
from lib.stranger import ask_stranger
from lib.wait import until


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class DoorCase(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def daemon(self, *options, **more):
        daemon = Daemon(self.folder, *options, **more)
        self.addCleanup(daemon.stop)
        return daemon

    def control(self, daemon):
        with daemon.qmp() as qmp:
            return qmp.run("query-status")["control"]


class WhoMayConnect(DoorCase):
    def test_modes_are_private_whatever_the_umask(self):
        door = self.folder.file("door.sock")
        before = os.umask(0)
        try:
            daemon = self.daemon("--qmp", f"unix:{door},server=on,wait=off")
        finally:
            os.umask(before)
        self.assertEqual(mode(daemon.run_dir()), 0o700)
        self.assertEqual(mode(self.folder.file("run", "usernet")), 0o700)
        self.assertEqual(mode(daemon.run_dir("qmp.sock")), 0o600)
        self.assertEqual(mode(door), 0o600)

    def test_socket_is_never_there_with_a_looser_mode(self):
        """A user who watches the directory finds no moment between bind and chmod."""
        door = self.folder.file("door.sock")
        os.chmod(self.folder.path, 0o711)
        seen = set()
        pid = os.fork()
        if pid == 0:
            # The parent starts the daemon; only modes are checked here.
            end = time.monotonic() + 1
            while time.monotonic() < end:
                try:
                    seen.add(mode(door))
                except FileNotFoundError:
                    pass
            os._exit(0 if seen == {0o600} else 1)
        before = os.umask(0)
        try:
            self.daemon("--qmp", f"unix:{door},server=on,wait=off")
        finally:
            os.umask(before)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_run_directory_keeps_other_users_out(self):
        daemon = self.daemon()
        answer = ask_stranger(daemon.run_dir("qmp.sock"))
        if answer is None:
            self.skipTest("only root can be another user")
        self.assertEqual(answer, errno.EACCES)

    def test_other_user_is_refused_even_where_the_socket_is_open_to_all(self):
        door = self.folder.file("door.sock")
        daemon = self.daemon("--qmp", f"unix:{door},server=on,wait=off")
        for path in (self.folder.path, door):
            os.chmod(path, 0o777)
        answer = ask_stranger(door)
        if answer is None:
            self.skipTest("only root can be another user")
        self.assertIn(answer, (b"", errno.ECONNRESET))
        self.assertEqual(self.control(daemon)["refused-strangers"], 1)
        self.assertIn("refused a client of another user", daemon.errors())
        with Qmp(door) as qmp:
            self.assertTrue(qmp.run("query-status")["running"])


class WhatAClientMayHold(DoorCase):
    def test_limits_are_shown(self):
        control = self.control(self.daemon())
        self.assertEqual((control["max-clients"], control["max-request-depth"],
                          control["max-request-bytes"], control["max-unread-bytes"]),
                         (64, 64, 1 << 20, 4 << 20))
        self.assertEqual((control["clients"], control["refused-strangers"],
                          control["refused-clients"], control["dropped-clients"]), (1, 0, 0, 0))

    def test_client_too_many_is_refused_and_counted(self):
        daemon = self.daemon()
        with daemon.qmp() as first:
            most = first.run("query-status")["control"]["max-clients"]
            others = [daemon.qmp() for _ in range(most - 1)]
            with self.assertRaises((EOFError, ConnectionError, TypeError)):
                daemon.qmp()
            control = first.run("query-status")["control"]
            self.assertEqual((control["clients"], control["refused-clients"]), (most, 1))
            for other in others:
                other.close()
            until(lambda: first.run("query-status")["control"]["clients"] == 1,
                  "clients that have gone are forgotten")
            with daemon.qmp() as again:
                self.assertTrue(again.run("query-status")["running"])

    def test_longest_request_passes_and_a_longer_one_ends_the_session(self):
        daemon = self.daemon()
        empty = json.dumps({"execute": "query-name", "id": ""})
        with daemon.qmp() as qmp:
            most = qmp.run("query-status")["control"]["max-request-bytes"]
            ident = "a" * (most - len(empty))
            self.assertEqual(qmp.ask(empty.replace('""', f'"{ident}"'))["id"], ident)
            try:
                qmp.send(empty.replace('""', f'"{ident}a"'))
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = qmp.answer()
            if answer is not None:
                self.assertEqual(answer["error"]["desc"], "JSON token size limit exceeded")
            self.assertTrue(qmp.at_end())
        self.assertEqual(self.control(daemon)["clients"], 1)

    def test_deepest_request_passes_and_a_deeper_one_does_not(self):
        daemon = self.daemon()
        with daemon.qmp() as qmp:
            deep = qmp.run("query-status")["control"]["max-request-depth"] - 1
            request = '{"execute":"query-name","id":' + "[" * deep + "]" * deep + "}"
            self.assertIn("return", qmp.ask(request))
            self.assertEqual(qmp.ask('{"execute":"query-name","id":' + "[" * (deep + 1))["error"],
                             {"class": "GenericError", "desc": "JSON nesting depth limit exceeded"})
            self.assertIn("return", qmp.ask("\n" + request))

    def test_client_that_never_reads_is_dropped_and_the_others_are_served(self):
        netdevs = []
        for number in range(16):
            netdevs += ["--netdev", f"socket,id=n{number},listen=127.0.0.1:0"]
        daemon = self.daemon(*netdevs)
        with daemon.qmp() as other, daemon.qmp() as deaf:
            deaf.send('{"execute":"query-netdevs"}' * 2000)
            until(lambda: other.run("query-status")["control"]["dropped-clients"] == 1,
                  "a client whose answers pile up is dropped")
            began = time.monotonic()
            other.run("query-status")
            print(f"an answer beside it: {(time.monotonic() - began) * 1000:.1f} ms")
        self.assertIn("dropped a client that does not read its answers", daemon.errors())

    def test_half_requests_of_many_clients_hold_up_nobody(self):
        daemon = self.daemon()
        slow = []
        for _ in range(60):
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.connect(daemon.run_dir("qmp.sock"))
            client.sendall(b'{"execute":"qmp_capa')
            slow.append(client)
        with daemon.qmp() as qmp:
            self.assertEqual(qmp.run("query-status")["control"]["clients"], 61)
