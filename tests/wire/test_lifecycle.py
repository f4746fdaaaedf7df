# SPDX-License-Identifier: BSD-3-Clause
"""Start and stop: notifications, what exists while it runs, and that nothing is left."""

import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import time
import unittest

from lib.daemon import Daemon, Folder, program, run_ctl, run_daemon, words
from lib.qmp import Qmp

LOGS = ["default.err", "default.out"]
WRAPPED = "USERNET_WRAPPER" in os.environ


def wait_until_gone(pid, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


class Start(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def test_ready_fd_gets_a_line_and_is_closed(self):
        with Daemon(self.folder) as daemon:
            self.assertEqual(daemon.ready_line, b"READY\n")
            self.assertTrue(daemon.ready_closed)

    def test_supervisor_is_notified(self):
        path = self.folder.file("notify")
        for name, address in ((path, path), ("@" + os.path.basename(self.folder.path),
                                             "\0" + os.path.basename(self.folder.path))):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.bind(address)
                notify.settimeout(60)
                with Daemon(self.folder, environment={"NOTIFY_SOCKET": name}) as daemon:
                    lines = notify.recv(4096).decode().splitlines()
                    self.assertIn("READY=1", lines)
                    self.assertIn(f"MAINPID={daemon.pid}", lines)
                    self.assertTrue(any(line.startswith("STATUS=") for line in lines))

    WAYS_IN = [("lan", "stream"), ("lan-dgram", "dgram"), ("lan-dial", "stream")]

    @staticmethod
    def netdevs(daemon):
        with daemon.qmp() as qmp:
            return [(each["id"], each["type"]) for each in qmp.run("query-netdevs")]

    def test_defaults_are_a_gateway_and_three_ways_in(self):
        with Daemon(self.folder) as daemon:
            self.assertEqual(self.netdevs(daemon), [("nat", "user"), *self.WAYS_IN])
            self.assertNotIn("--no-default-netdevs", daemon.output())
            for name in ("qmp.sock", "lan.sock", "lan.dgram"):
                self.assertTrue(stat.S_ISSOCK(os.stat(daemon.run_dir(name)).st_mode))
            self.assertEqual(stat.S_IMODE(os.stat(daemon.run_dir()).st_mode), 0o700)

    def test_a_user_netdev_alone_keeps_the_ways_in(self):
        user = ("--netdev", "user,id=net0,hostfwd=tcp:127.0.0.1:0-:22")
        with Daemon(self.folder, *user) as daemon:
            self.assertEqual(self.netdevs(daemon), [("net0", "user"), *self.WAYS_IN])
            self.assertIn("--no-default-netdevs leaves them out", daemon.output())
            self.assertTrue(stat.S_ISSOCK(os.stat(daemon.run_dir("lan.sock")).st_mode))
        with Daemon(self.folder, *user, "--no-default-netdevs") as daemon:
            self.assertEqual(self.netdevs(daemon), [("net0", "user")])
        with Daemon(self.folder, *user, "--netdev", "socket,id=a,listen=127.0.0.1:0") as daemon:
            self.assertEqual(self.netdevs(daemon), [("net0", "user"), ("a", "socket")])
        with Daemon(self.folder, "--no-default-netdevs") as daemon:
            self.assertEqual(self.netdevs(daemon), [])

    def test_the_first_line_is_of_a_guest_that_survives_a_restart(self):
        """What QEMU does with server=on, 7.2 too: it listens again when the link is lost."""
        daemon = Daemon(self.folder)
        line = next(line for line in daemon.output().splitlines() if "-netdev " in line)
        path, last = re.search(r"server=on,addr\.type=unix,addr\.path=(\S+/(\S+)\.sock) ",
                               line).groups()
        self.assertEqual(line[-8:].replace(":", ""), last)
        with socket.socket(socket.AF_UNIX) as guest:
            guest.settimeout(60)
            with daemon.qmp() as qmp:
                guest.bind(path)
                guest.listen()
                link, _ = guest.accept()
                self.assertEqual(qmp.event("NETDEV_STREAM_CONNECTED")["data"]["netdev-id"],
                                 "lan-dial")
            daemon.kill()
            self.assertEqual(link.recv(1), b"")
            link.close()
            with Daemon(self.folder) as daemon:
                guest.accept()[0].close()
                guest.accept()[0].close()  # a lost link is dialled again
            # The directory stays while a guest listens in it.
            self.assertTrue(os.path.exists(path))
        os.unlink(path)

    def test_each_line_has_a_mac_of_its_own(self):
        with Daemon(self.folder) as daemon:
            macs = re.findall(r"mac=(\S+)", daemon.output())
        self.assertEqual(len(macs), 3)
        self.assertEqual(len(set(macs)), 3)

    def test_what_restrict_leaves_open_is_said(self):
        with Daemon(self.folder, "--netdev", "user,id=nat,restrict=on") as daemon:
            [line] = [line for line in daemon.output().splitlines() if "restricted:" in line]
            for word in ("each other", "name server 10.0.2.3", "guestfwd", "allow=", "forwards",
                         "nothing else"):
                self.assertIn(word, line)

    def test_no_dhcp_is_said(self):
        with Daemon(self.folder, "--netdev", "user,id=nat,dhcp=off") as daemon:
            self.assertIn("DHCP is off", daemon.output())
            self.assertNotIn("10.0.2.254", daemon.output())

    def test_it_prints_the_network_and_the_line_for_qemu(self):
        with Daemon(self.folder, name="lab") as daemon:
            text = daemon.output()
            self.assertIn("network lab is ready", text)
            self.assertIn("10.0.2.0/24, gateway 10.0.2.2, DNS 10.0.2.3, "
                          "DHCP 10.0.2.15 to 10.0.2.254", text)
            self.assertIn(daemon.run_dir("qmp.sock"), text)
            self.assertRegex(text, "-netdev stream,id=net0,addr.type=unix,addr.path="
                             + re.escape(daemon.run_dir("lan.sock"))
                             + " -device virtio-net-pci,netdev=net0,mac=52:54:00(:[0-9a-f]{2}){3}")
            self.assertRegex(text, "-netdev dgram,id=net0,local.type=unix,local.path=\\S+,"
                             "remote.type=unix,remote.path="
                             + re.escape(daemon.run_dir("lan.dgram")))

    @unittest.skipUnless(shutil.which("qemu-system-x86_64"), "no QEMU")
    def test_qemu_takes_the_printed_line(self):
        with Daemon(self.folder) as daemon, daemon.qmp() as qmp:
            [line] = [line for line in daemon.output().splitlines()
                      if "-netdev stream" in line and "lan.sock" in line]
            netdev = line.split()[1]
            qemu = subprocess.Popen(["qemu-system-x86_64", "-machine", "none", "-display", "none",
                                     "-netdev", netdev], stderr=subprocess.DEVNULL)
            try:
                event = qmp.event("NETDEV_STREAM_CONNECTED")
                self.assertEqual(event["data"]["netdev-id"], "lan")
            finally:
                qemu.kill()
                qemu.wait()

    def test_pidfile_says_who_and_goes_with_it(self):
        path = self.folder.file("pid")
        with Daemon(self.folder, "--pidfile", path) as daemon:
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), f"{daemon.pid}\n")
        self.assertFalse(os.path.exists(path))

    def test_stray_descriptors_are_closed(self):
        read_end, write_end = os.pipe()
        with Daemon(self.folder, pass_fds=(write_end,)) as daemon:
            os.close(write_end)
            self.assertTrue(select.select([read_end], [], [], 60)[0])
            self.assertEqual(os.read(read_end, 1), b"")
            self.assertTrue(daemon.running())
        os.close(read_end)

    def test_named_descriptors_are_kept(self):
        ours, theirs = socket.socketpair()
        with ours, Daemon(self.folder, "--netdev", f"socket,id=a,fd={theirs.fileno()}",
                          pass_fds=(theirs.fileno(),)) as daemon, daemon.qmp() as qmp:
            theirs.close()
            [netdev] = qmp.run("query-netdevs")
            self.assertEqual(len(netdev["ports"]), 1)

    def test_closed_standard_descriptors_are_no_trouble(self):
        child = subprocess.Popen(
            ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words()], close_fds=True,
            env=self.folder.environment(), cwd=self.folder.path)
        path = self.folder.file("run", "usernet", "default", "qmp.sock")
        deadline = time.monotonic() + 60
        while True:
            try:
                with Qmp(path) as qmp:
                    self.assertEqual(qmp.run("quit"), {})
                break
            except OSError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
        self.assertEqual(child.wait(60), 0)

    def test_it_makes_no_core_and_takes_all_descriptors_it_may(self):
        with Daemon(self.folder) as daemon, \
                open(f"/proc/{daemon.pid}/limits", encoding="utf-8") as file:
            limits = file.read()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        soft, hard = re.search(r"Max open files +(\d+) +(\d+) ", limits).groups()
        if not WRAPPED: # valgrind keeps some descriptors for itself
            self.assertEqual(soft, hard)

    def test_run_dir_may_be_named(self):
        path = self.folder.file("mine", "deep")
        with Daemon(self.folder, "--run-dir", path):
            with Qmp(os.path.join(path, "qmp.sock")) as qmp:
                self.assertEqual(qmp.run("query-status")["run-dir"], path)
        self.assertEqual(os.listdir(path), ["lock"])

    def test_run_dir_that_was_there_stays(self):
        path = self.folder.file("mine")
        os.mkdir(path, 0o700)
        with Daemon(self.folder, "--run-dir", path):
            pass
        self.assertEqual(os.listdir(path), ["lock"])

    def test_version_and_help(self):
        result = run_daemon(self.folder, "--version")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"^usernet \d+\.\d+\.\d+\n$")
        for option in ("--help", "-h"):
            result = run_daemon(self.folder, option)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            for word in ("--netdev", "--ready-fd", "--exit-with-parent", "Examples:",
                         "hostfwd=tcp::2222-:22"):
                self.assertIn(word, result.stdout)
        self.assertEqual(self.folder.left(), [])


class End(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def test_signals_end_it_cleanly(self):
        for signo in (signal.SIGTERM, signal.SIGINT):
            daemon = Daemon(self.folder)
            self.assertEqual(daemon.stop(signo), 0)
            self.assertEqual(self.folder.left(), LOGS)

    def test_guests_and_clients_do_not_keep_it(self):
        daemon = Daemon(self.folder, "--netdev",
                        "user,id=nat,hostfwd=tcp:127.0.0.1:0-:22", "--netdev",
                        f"stream,id=lan,server=on,addr.type=unix,addr.path="
                        f"{self.folder.file('lan')}")
        with daemon.qmp() as qmp, socket.socket(socket.AF_UNIX) as guest:
            guest.connect(self.folder.file("lan"))
            qmp.event("NETDEV_STREAM_CONNECTED")
            self.assertEqual(daemon.stop(), 0)
            self.assertTrue(qmp.at_end())
        self.assertEqual(self.folder.left(), LOGS)

    def test_hangup_is_no_end(self):
        with Daemon(self.folder) as daemon:
            daemon.child.send_signal(signal.SIGHUP)
            with daemon.qmp() as qmp:
                self.assertTrue(qmp.run("query-status")["running"])
                deadline = time.monotonic() + 60
                while "SIGHUP" not in daemon.errors():
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.02)
            self.assertTrue(daemon.running())

    def test_after_a_kill_the_next_one_starts(self):
        pidfile = self.folder.file("pid")
        first = Daemon(self.folder, "--pidfile", pidfile)
        first.kill()
        self.assertTrue(os.path.exists(first.run_dir("qmp.sock")))
        with Daemon(self.folder, "--pidfile", pidfile) as second, second.qmp() as qmp:
            self.assertEqual(qmp.run("query-status")["pid"], second.pid)
            guest = socket.socket(socket.AF_UNIX)
            guest.connect(second.run_dir("lan.sock"))
            guest.close()
        self.assertEqual(self.folder.left(), LOGS)

    def test_exit_with_parent(self):
        ready, their_end = os.pipe()
        # A shell that waits for our word and then exits without its child.
        parent = subprocess.Popen(
            ["sh", "-c", '"$@" & echo $!; read word', "sh",
             *words("--exit-with-parent", "--ready-fd", str(their_end))],
            env=self.folder.environment(), cwd=self.folder.path, pass_fds=(their_end,),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        os.close(their_end)
        pid = int(parent.stdout.readline())
        self.assertEqual(os.read(ready, 64), b"READY\n")
        os.close(ready)
        parent.communicate("go\n")
        self.assertTrue(wait_until_gone(pid))
        self.assertEqual(self.folder.left(), [])

    def test_several_networks_beside_each_other(self):
        with Daemon(self.folder, name="one") as one, Daemon(self.folder, name="two") as two:
            with one.qmp() as qmp:
                self.assertEqual(qmp.run("query-status")["name"], "one")
                self.assertEqual(qmp.run("quit"), {})
            self.assertEqual(one.wait(), 0)
            with two.qmp() as qmp:
                self.assertEqual(qmp.run("query-status")["name"], "two")


class Background(unittest.TestCase):
    """--daemon, and the destination of messages."""

    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def quit(self, name="default"):
        with Qmp(self.folder.file("run", "usernet", name, "qmp.sock")) as qmp:
            pid = qmp.run("query-status")["pid"]
            qmp.run("quit")
        self.assertTrue(wait_until_gone(pid))

    def log(self, *names):
        with open(self.folder.file(*names), encoding="utf-8") as file:
            return file.read()

    def test_it_ends_when_guests_may_come_and_lets_go_of_the_terminal(self):
        pidfile = self.folder.file("pid")
        # The pipe ends only when no process holds it: run_daemon waits for that.
        result = run_daemon(self.folder, "--daemon", "--pidfile", pidfile, "--live-commands")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("network default is ready", result.stdout)
        pid = int(self.log("pid"))
        self.assertIn(f"in the background as pid {pid}", result.stdout)
        self.assertEqual(os.getsid(pid), pid)
        self.quit()
        log = self.log("state", "usernet", "default", "log")
        self.assertRegex(log, r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d usernet: network default ends$")
        self.assertFalse(os.path.exists(pidfile))

    def test_a_start_that_fails_is_told_to_the_caller(self):
        path = self.folder.file("log")
        result = run_daemon(self.folder, "--daemon", "--log-file", path, "--pidfile", "/no/pid")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("--pidfile /no/pid: cannot write '/no/pid'", result.stderr)
        self.assertIn("--pidfile /no/pid: cannot write '/no/pid'", self.log("log"))
        result = run_daemon(self.folder, "--daemon", "--ready-fd", "77")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--ready-fd 77: no descriptor", result.stderr)

    def test_without_state_the_log_is_in_the_run_directory(self):
        run_daemon(self.folder, "--daemon", "--state-dir", "none")
        self.quit()
        self.assertIn("network default ends", self.log("run", "usernet", "default", "log"))

    def test_a_log_file_is_appended_to_and_private(self):
        path = self.folder.file("log")
        for _ in range(2):
            with Daemon(self.folder, "--log-file", path) as daemon:
                self.assertIn(f"messages go to {path}", daemon.output())
        self.assertEqual(self.log("log").count("network default ends"), 2)
        self.assertEqual(daemon.errors(), "")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        result = run_daemon(self.folder, "--log-file", "/no/log")
        self.assertEqual(result.returncode, 1)
        self.assertIn("--log-file /no/log: cannot write to '/no/log'", result.stderr)

    def test_it_has_no_parent_to_end_with(self):
        result = run_daemon(self.folder, "--daemon", "--exit-with-parent")
        self.assertEqual(result.returncode, 2)
        self.assertIn("exit-with-parent", result.stderr)


class Ctl(unittest.TestCase):
    """usernetctl: its output for people and for programs."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.daemon = Daemon(cls.folder, name="lab")

    @classmethod
    def tearDownClass(cls):
        status = cls.daemon.stop()
        cls.folder.close()
        if status != 0:
            raise AssertionError(f"the daemon ended with status {status}")

    def ctl(self, *arguments):
        result = run_ctl(self.folder, "--name", "lab", *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        return result.stdout

    def test_every_view_has_a_table_and_json(self):
        self.assertIn("host: 10.0.2.2", self.ctl("status"))
        self.assertEqual(json.loads(self.ctl("--json", "status"))["network"]["name"], "lab")
        for command, empty in (("guests", "no guests"), ("leases", "no leases"),
                               ("forwards", "no forwards"), ("connections", "no connections")):
            self.assertEqual(self.ctl(command), empty + "\n")
            self.assertEqual(json.loads(self.ctl("--json", command)), [])
        text = self.ctl("netdevs")
        self.assertIn("lan: stream, unix:" + self.daemon.run_dir("lan.sock"), text)
        self.assertEqual([each["id"] for each in json.loads(self.ctl("--json", "netdevs"))],
                         ["nat", "lan", "lan-dgram", "lan-dial"])

    def test_forward_is_added_shown_and_removed(self):
        rule = self.ctl("hostfwd", "add", "tcp:127.0.0.1:0-:22").strip()
        port = re.fullmatch(r"tcp:127\.0\.0\.1:(\d+)-10\.0\.2\.15:22", rule).group(1)
        lines = self.ctl("forwards").splitlines()
        self.assertEqual(lines[0].split(), ["NETDEV", "RULE", "LEADS", "TO"])
        self.assertEqual(lines[1].split(), ["nat", rule, "10.0.2.15"])
        self.assertEqual(lines[0].index("LEADS"), lines[1].rindex("10.0.2.15"))
        row = json.loads(self.ctl("--json", "forwards"))[0]
        self.assertEqual((row["host-address"], row["host-port"], row["guest-address"],
                          row["guest-port"], row["ports"], row["masquerade"], row["rule"]),
                         ("127.0.0.1", int(port), "10.0.2.15", 22, 1, False, rule))
        self.assertIn("HOST_FORWARD", self.ctl("hmp", "info", "usernet"))
        self.assertEqual(self.ctl("hostfwd", "remove", "--id", "nat", f"tcp:127.0.0.1:{port}"),
                         "")
        self.assertEqual(self.ctl("forwards"), "no forwards\n")

    def test_netdev_is_added_and_removed(self):
        path = self.folder.file('with "quotes", \\ and blanks')
        doubled = path.replace(",", ",,")
        self.assertEqual(self.ctl("netdev", "add", "stream,id=more,server=on,addr.type=unix,"
                                                   f"addr.path={doubled}"), "")
        self.assertTrue(os.path.exists(path))
        self.assertEqual(self.ctl("link", "more", "down"), "")
        self.assertIn("more: stream, unix:" + path + " (server), link down",
                      self.ctl("netdevs"))
        self.assertEqual(self.ctl("link", "more", "up"), "")
        self.assertEqual(self.ctl("netdev", "del", "more"), "")
        self.assertFalse(os.path.exists(path))

    def test_qmp_passes_through(self):
        self.assertEqual(json.loads(self.ctl("qmp", '{"execute":"query-status"}'))["name"], "lab")

    def test_socket_may_be_named(self):
        result = run_ctl(self.folder, "--socket", self.daemon.run_dir("qmp.sock"), "guests")
        self.assertEqual(result.stdout, "no guests\n")

    def test_help_teaches(self):
        text = self.ctl("--help")
        for word in ("hostfwd add", "netdev del", "events", "Examples:", "Exit status:"):
            self.assertIn(word, text)

    def test_events_are_shown_until_the_network_ends(self):
        with Folder() as folder, Daemon(folder) as daemon:
            def watch(*options):
                return subprocess.Popen([program("USERNETCTL"), *options, "events"],
                                        env=folder.environment(), stdout=subprocess.PIPE,
                                        text=True)
            people, machines = watch(), watch("--json")
            with daemon.qmp() as qmp:
                # Until both are there and see the event.
                rule = "tcp:127.0.0.1:0-:22"
                for reader in (people, machines):
                    while not select.select([reader.stdout], [], [], 0.1)[0]:
                        forward = qmp.run("hostfwd-add", rule=rule)
                        qmp.run("hostfwd-remove",
                                rule=f"tcp:127.0.0.1:{forward['host-port']}")
                qmp.run("quit")
            text, lines = people.communicate(timeout=60)[0], machines.communicate(timeout=60)[0]
            self.assertRegex(text.splitlines()[0],
                             r"^\d\d:\d\d:\d\d FORWARD_(ADDED|REMOVED) netdev=nat rule=tcp:")
            self.assertRegex(text.splitlines()[-1], r" SHUTDOWN guest=no reason=host-qmp-quit$")
            self.assertEqual([json.loads(line)["event"] for line in lines.splitlines()][-1],
                             "SHUTDOWN")
            self.assertEqual((people.returncode, machines.returncode), (0, 0))
            self.assertEqual(daemon.wait(), 0)

    def test_quit(self):
        with Folder() as folder, Daemon(folder) as daemon:
            self.assertEqual(run_ctl(folder, "quit").returncode, 0)
            self.assertEqual(daemon.wait(), 0)
            self.assertEqual(folder.left(), LOGS)
