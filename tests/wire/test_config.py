# SPDX-License-Identifier: BSD-3-Clause
"""The configuration file: read at the start, and again while guests' connections go on."""
import os
import signal

from lib import packet as pk
from lib.case import GatewayCase, recv_exactly
from lib.daemon import Daemon, Folder, run_ctl, run_daemon
from lib.guest import StreamGuest
from lib.qmp import QmpError
from lib.station import Station
from lib.wait import until

FAILED, USAGE = 1, 2
RULES_MAX = 16384  # usernet/policy/policy.h

BASE = """
[netdev nat]
type = user
{user}

[netdev lan]
type = stream
server = on
addr.type = unix
addr.path = {folder}/lan.sock
"""


class ConfigCase(GatewayCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)
        self.path = self.folder.file("lab.conf")

    def write(self, more="", user="", path=None):
        with open(path or self.path, "w", encoding="utf-8") as file:
            file.write(BASE.format(user=user, folder=self.folder.path) + more)

    def write_text(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def start(self, *arguments, **options):
        daemon = Daemon(self.folder, *(arguments or ("--config", self.path)), **options)
        self.addCleanup(daemon.stop)
        return daemon

    def guest(self, path="lan.sock"):
        return self.keep(StreamGuest.unix(self.folder.file(path)))

    def reload(self, status=0):
        result = run_ctl(self.folder, "reload")
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stdout.splitlines(), result.stderr.splitlines()

    def netdevs(self, daemon):
        with daemon.qmp() as qmp:
            return [entry["id"] for entry in qmp.run("query-netdevs")]


class Start(ConfigCase):
    def test_the_file_makes_the_network(self):
        self.write("[network]\nlog-level = debug\npidfile = " + self.folder.file("pid") + "\n"
                   "[guest web]\nip = 10.9.0.20\n", user="net = 10.9.0.0/24\nlease-time = 600")
        daemon = self.start()
        self.assertEqual(self.netdevs(daemon), ["nat", "lan"])
        with open(self.folder.file("pid"), encoding="utf-8") as file:
            self.assertEqual(int(file.read()), daemon.pid)
        with daemon.qmp() as qmp:
            gateway = qmp.run("query-network")["gateway"]
            self.assertEqual((gateway["net"], gateway["lease-time"]), ("10.9.0.0", 600))
            [web] = qmp.run("query-guests")
        self.assertEqual((web["name"], web["ipv4"], web["reserved"], web["here"]),
                         ("web", "10.9.0.20", True, False))
        station = Station(self.guest(), pk.mac(web["mac"]))
        station.dhcp()
        self.assertEqual(station.ip, "10.9.0.20")

    def test_the_networks_own_file_is_found(self):
        os.makedirs(self.folder.file("config", "usernet"), exist_ok=True)
        self.write("[guest web]\n", path=self.folder.file("config", "usernet", "lab.conf"))
        daemon = Daemon(self.folder, name="lab")
        self.addCleanup(daemon.stop)
        self.assertEqual(self.netdevs(daemon), ["nat", "lan"])
        other = Daemon(self.folder, name="other")
        self.addCleanup(other.stop)
        self.assertEqual(self.netdevs(other), ["nat", "lan", "lan-dgram", "lan-dial"])

    def test_the_command_line_wins(self):
        self.write(user="net = 10.9.0.0/24")
        daemon = self.start("--config", self.path, "--netdev", "user,id=nat,net=10.8.0.0/24")
        self.assertEqual(self.netdevs(daemon), ["nat", "lan"])
        with daemon.qmp() as qmp:
            self.assertEqual(qmp.run("query-network")["gateway"]["net"], "10.8.0.0")

    def test_what_is_wrong_is_said_with_its_place(self):
        def refused(status, *parts):
            before = self.folder.left()
            result = run_daemon(self.folder, "--config", self.path)
            self.assertEqual((result.returncode, result.stdout), (status, ""), result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            for part in parts:
                self.assertIn(part, result.stderr)
            self.assertEqual(self.folder.left(), before)

        refused(FAILED, self.path, "No such file")
        os.mkdir(self.path)
        refused(FAILED, self.path, "it is a directory")
        os.rmdir(self.path)
        self.write()
        os.chmod(self.path, 0o666)
        refused(FAILED, self.path, "others may write to it")
        os.chmod(self.path, 0)
        refused(FAILED, self.path, "Permission denied")
        os.chmod(self.path, 0o600)
        self.write("x")
        refused(USAGE, f"{self.path}:11: 'x' is neither")
        self.write("[frob]\n")
        refused(USAGE, f"{self.path}:11: unknown group [frob]; there are [network], [netdev ID]")
        self.write(user="net = ten")
        refused(USAGE, f"{self.path}:4: [netdev nat]: ", "net=ten is not an IPv4 network")
        self.write("[guest web]\nip=10.9.9.9\n")
        refused(USAGE, f"{self.path}:", "[guest web]", "10.9.9.9")
        # An error of the environment, not of the file.
        self.write("[netdev x]\ntype=stream\nserver=on\naddr.type=unix\naddr.path=/proc/x\n")
        refused(FAILED, f"{self.path}:", "[netdev x]")


class Reload(ConfigCase):
    def forward(self, port):
        return f"hostfwd = tcp:127.0.0.1:{port}-10.0.2.15:80"

    def free_port(self):
        listener, port = self.host_tcp()
        listener.close()
        return port

    def test_a_guests_connection_flows_on(self):
        listener, port = self.host_tcp()
        self.write(user=self.forward(self.free_port()))
        daemon = self.start()
        station = Station(self.guest())
        station.dhcp()
        flow = station.connect("10.0.2.2", port)
        sock = self.accept(listener)
        flow.send(b"before")
        self.assertEqual(recv_exactly(sock, 6), b"before")

        self.write("[netdev two]\ntype = socket\nlisten = 127.0.0.1:0\n[guest web]\n"
                   "[dns]\ndb = 10.0.2.70\n", user=self.forward(self.free_port()))
        out, err = self.reload()
        self.assertEqual(err, [])
        self.assertEqual(len(out), 5, out)
        for line in ("guest web: added", "netdev two: added", "dns db 10.0.2.70: added"):
            self.assertIn(line, out)
        self.assertTrue(any(line.startswith("netdev nat: hostfwd ") and line.endswith(" removed")
                            for line in out))
        self.assertEqual(self.netdevs(daemon), ["nat", "lan", "two"])

        flow.send(b"after")
        self.assertEqual(recv_exactly(sock, 5), b"after")
        sock.sendall(b"and back")
        station.run_until(lambda: flow.received == b"and back", "what the host sent")
        self.assertEqual(self.reload(), (["nothing changed"], []))

    def test_a_forward_comes_and_goes(self):
        first, second = self.free_port(), self.free_port()
        self.write(user=self.forward(first))
        self.start()
        station = Station(self.guest())
        station.dhcp()
        station.listen(80)
        self.dial("127.0.0.1", first)
        station.accept(80)
        self.write(user=self.forward(second))
        self.reload()
        self.dial("127.0.0.1", second)
        station.accept(80)
        with self.assertRaises(ConnectionRefusedError):
            self.dial("127.0.0.1", first)

    def test_isolation_comes_and_goes(self):
        self.write()
        self.start()
        one, other = Station(self.guest()), Station(self.guest())
        for station in (one, other):
            station.dhcp()
        for isolate, replies in (("off", True), ("on", False), ("off", True)):
            self.write(user="isolate = " + isolate)
            self.reload()
            other.pings_answered = 0
            one.send_ip(other.ip, pk.ICMP, pk.icmp_echo(1, 1), hop=other.mac)
            one.ping("10.0.2.2")
            other.ping("10.0.2.2")  # after what the switch has given it
            self.assertEqual(other.pings_answered, int(replies), isolate)

    def test_a_broken_file_changes_nothing(self):
        self.write("[guest web]\n")
        daemon = self.start()
        guest = self.guest()
        with daemon.qmp() as qmp:
            before = [qmp.run(query) for query in ("query-forwards", "query-guests", "query-dns")]
            for text in ("[netdev lan]\n", "frob", "[guest web]\nmac=x\n", "[dns]\nx=y\n"):
                self.write_text(text)
                with self.assertRaises(QmpError) as caught:
                    qmp.run("reload")
                self.assertIn(self.path, caught.exception.desc)
            os.unlink(self.path)
            with self.assertRaises(QmpError):
                qmp.run("reload")
            self.assertEqual([qmp.run(query) for query in ("query-forwards", "query-guests",
                                                           "query-dns")], before)
        self.assertEqual(self.netdevs(daemon), ["nat", "lan"])
        station = Station(guest)
        station.dhcp()
        station.ping("10.0.2.2")

    def test_what_cannot_change_is_said(self):
        self.write()
        self.start()
        self.write("[network]\npidfile = /nowhere\n[netdev bad]\ntype=stream\nserver=on\n"
                   "addr.type=unix\naddr.path=/proc/x\n", user="net = 10.9.0.0/24")
        out, err = self.reload(status=1)
        self.assertEqual(out, [])
        self.assertIn("usernetctl: network: pidfile needs a restart", err)
        self.assertIn("usernetctl: netdev nat: net needs a restart", err)
        self.assertTrue(any(line.startswith("usernetctl: netdev bad: ") for line in err), err)

    def test_as_many_rules_as_a_network_may_have_stand_in_the_file(self):
        names = [f"api{n}.zone{n % 100}.example.com:443" for n in range(RULES_MAX - 1)]
        self.write(user="deny = *\nallow = " + "; ".join(names))
        daemon = self.start()
        with daemon.qmp() as qmp:
            self.assertEqual(len(qmp.run("query-policy")["rules"]), RULES_MAX)
        names[-1] = "other.example.com"
        self.write(user="deny = *\nallow = " + "; ".join(names))
        out, err = self.reload()
        self.assertEqual((len(out), err), (2, []))
        self.assertIn("netdev nat: allow=other.example.com added", out)

    def test_hangup_does_it_too(self):
        self.write()
        daemon = self.start()
        self.write("[guest web]\n")
        daemon.child.send_signal(signal.SIGHUP)
        with daemon.qmp() as qmp:
            until(lambda: [guest["name"] for guest in qmp.run("query-guests")] == ["web"],
                  "the guest of the file")
            self.write("frob\n")
            daemon.child.send_signal(signal.SIGHUP)
            until(lambda: "SIGHUP: " + self.path in daemon.errors(), "the error in the log")
            self.assertTrue(qmp.run("query-status")["running"])
        self.assertIn("SIGHUP: guest web: added", daemon.errors())

    def test_without_a_file_there_is_nothing_to_reload(self):
        self.start("--netdev", "user,id=nat")
        out, err = self.reload(status=1)
        self.assertEqual(out, [])
        self.assertIn("there is no configuration file", err[0])
        # But a later one is found.
        os.makedirs(self.folder.file("config", "usernet"), exist_ok=True)
        with open(self.folder.file("config", "usernet", "default.conf"), "w",
                  encoding="utf-8") as file:
            file.write("[guest web]\n")
        self.assertEqual(self.reload(), (["guest web: added"], []))
