# SPDX-License-Identifier: BSD-3-Clause
"""usernetctl finds networks, removes rules as it printed them, and saves live changes."""
import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

from lib.daemon import Daemon, Folder, program


class CtlCase(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def daemon(self, *options, **more):
        daemon = Daemon(self.folder, *options, **more)
        self.addCleanup(daemon.stop)
        return daemon

    def run_ctl(self, *arguments, **environment):
        """With None a variable is unset."""
        env = {**self.folder.environment(), **environment}
        return subprocess.run([program("USERNETCTL"), *arguments], text=True, check=False,
                              env={key: value for key, value in env.items() if value is not None},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60)

    def ctl(self, *arguments, **environment):
        result = self.run_ctl(*arguments, **environment)
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        return result.stdout


class Quitting(CtlCase):
    def test_network_can_be_started_again_as_soon_as_quit_returns(self):
        flows = [word for i in range(40) for word in ("--netdev", f"socket,id=n{i},listen=127.0.0.1:0")]
        for _ in range(10):
            daemon = self.daemon(*flows)
            self.ctl("quit")
            again = self.daemon(*flows)
            self.assertEqual(daemon.wait(), 0)
            again.stop()

    def test_quit_waits_for_a_network_that_is_slow_to_end(self):
        daemon = self.daemon()
        os.kill(daemon.pid, signal.SIGSTOP)
        child = subprocess.Popen([program("USERNETCTL"), "quit"], env=self.folder.environment())
        with self.assertRaises(subprocess.TimeoutExpired):
            child.wait(0.5)
        os.kill(daemon.pid, signal.SIGCONT)
        self.assertEqual(child.wait(60), 0)
        self.daemon()


class Finding(CtlCase):
    def test_list_shows_all_networks_of_this_user(self):
        self.assertEqual(self.ctl("list"), "no network runs\n")
        self.assertEqual(json.loads(self.ctl("--json", "list")), [])
        daemons = {name: self.daemon(name=name) for name in ("lab", "default")}
        lines = self.ctl("list").splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "PID", "UPTIME", "GUESTS", "SOCKET"])
        self.assertEqual([line.split()[0] for line in lines[1:]], ["default", "lab"])
        for row in json.loads(self.ctl("--json", "list")):
            daemon = daemons[row["name"]]
            self.assertEqual((row["pid"], row["guests"], row["socket"]),
                             (daemon.pid, 0, daemon.run_dir("qmp.sock")))
        self.assertEqual(self.ctl("--name", "lab", "list"), self.ctl("list"))
        daemons["lab"].stop()
        self.assertEqual([row["name"] for row in json.loads(self.ctl("--json", "list"))],
                         ["default"])

    def test_list_shows_networks_with_a_run_directory_of_their_own(self):
        elsewhere = self.folder.file("elsewhere")
        self.daemon("--run-dir", elsewhere, name="lab")
        [row] = [row for row in json.loads(self.ctl("--json", "list"))
                 if row["socket"].startswith(elsewhere)]
        self.assertEqual((row["name"], row["socket"]), ("lab", elsewhere + "/qmp.sock"))

    def test_network_that_does_not_run_is_said_to(self):
        self.daemon(name="lab")
        result = self.run_ctl("--name", "other", "list")
        self.assertEqual(result.returncode, 3)
        self.assertIn("lab", result.stdout)
        self.assertEqual(result.stderr, "usernetctl: the network 'other' does not run\n")
        result = self.run_ctl("--name", "other", "status")
        self.assertEqual(result.returncode, 3)
        self.assertIn("Is the network 'other' running?", result.stderr)
        self.assertTrue(result.stderr.endswith("Running: lab\n"), result.stderr)

    def test_socket_is_found_with_and_without_xdg_runtime_dir(self):
        base = f"/tmp/usernet-{os.geteuid()}"
        name = f"ctl-test-{os.getpid()}"
        created = not os.path.exists(base)
        # Without the variable usernet makes its run directory there.
        with Daemon(self.folder, name=name, environment={"XDG_RUNTIME_DIR": ""}) as daemon:
            for runtime in (None, "", self.folder.file("run"), "/nonexistent"):
                with self.subTest(runtime=runtime):
                    rows = json.loads(self.ctl("--json", "list", XDG_RUNTIME_DIR=runtime))
                    self.assertIn((name, daemon.pid), [(row["name"], row["pid"]) for row in rows])
                    status = json.loads(self.ctl("--name", name, "--json", "status",
                                                 XDG_RUNTIME_DIR=runtime))
                    self.assertEqual(status["run-dir"], f"{base}/{name}")
        shutil.rmtree(f"{base}/{name}")
        if created and not os.listdir(base):
            os.rmdir(base)

    def test_directory_of_another_user_is_not_looked_into(self):
        if os.path.exists(f"/run/user/{os.geteuid()}/usernet"):
            self.skipTest("this user has networks of its own")
        # Anyone can make usernet/NAME/qmp.sock there; links are not followed either.
        real = tempfile.mkdtemp(dir=self.folder.path)
        self.daemon(name="lab")
        os.symlink(self.folder.file("run", "usernet"), os.path.join(real, "usernet"))
        # A network of ours is found at its own path.
        self.assertEqual([row["socket"] for row in
                          json.loads(self.ctl("--json", "list", XDG_RUNTIME_DIR=real))],
                         [self.folder.file("run", "usernet", "lab", "qmp.sock")])


class Rules(CtlCase):
    def test_forward_is_removed_by_the_rule_as_it_was_added(self):
        self.daemon("--netdev", "user,id=nat")
        path = self.folder.file("a-b.sock")
        for rule in ("tcp:127.0.0.1:0-:22", "udp:127.0.0.1:0-10.0.2.20:53", "tcp:localhost:0-web:80",
                     ":127.0.0.1:0-:80+masquerade=on", "tcp:[::1]:0-:22",
                     f"unix:[{path}]-:22", "tcp:127.0.0.1:23000..23003-:8000"):
            with self.subTest(rule=rule):
                bound = self.ctl("hostfwd", "add", rule).strip()
                self.assertEqual(self.ctl("hostfwd", "remove", rule), "")
                self.assertEqual(self.ctl("forwards"), "no forwards\n")
                # The rule printed by add, with the port chosen, works as well.
                bound = self.ctl("hostfwd", "add", rule).strip()
                self.assertEqual(self.ctl("hostfwd", "remove", bound), "")
                self.assertEqual(self.ctl("forwards"), "no forwards\n")

    def test_rule_that_leads_elsewhere_is_not_removed(self):
        self.daemon("--netdev", "user,id=nat")
        bound = self.ctl("hostfwd", "add", "tcp:127.0.0.1:0-:22").strip()
        other = bound.replace(":22", ":23") if not bound.endswith("22:22") else bound + "0"
        result = self.run_ctl("hostfwd", "remove", other)
        self.assertEqual((result.returncode, result.stderr),
                         (1, f"usernetctl: host forwarding rule for {other} not found\n"))
        self.assertIn(bound, self.ctl("forwards"))
        self.assertEqual(self.ctl("hmp", f"hostfwd_remove {bound}"),
                         f"host forwarding rule for {bound} removed\n")


CONFIG = """\
# A lab, and this comment is far from its group.

[network]
log-level = warning   

# The way out.
[netdev nat]
type=user
# ssh to the first guest, in a spelling of its own
hostfwd = ::22022-:22; tcp:127.0.0.1:22023-web:22
deny = 10.0.0.0/255.0.0.0
hostname = a\\\\b
# after the last key

[netdev lan]
type = stream
server = on
addr.type = unix
addr.path = {dir}/lan;1.sock

# This one goes.
[netdev two]
type = socket
listen = 127.0.0.1:0

[guest Web]
mac = 52:54:00:00:00:01
allow = tcp:*:443

[dns]
# short for its domain
db = 10.0.2.99
"""


class Saving(CtlCase):
    def setUp(self):
        super().setUp()
        os.makedirs(self.folder.file("config", "usernet"), 0o700)
        self.path = self.folder.file("config", "usernet", "default.conf")

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text.replace("{dir}", self.folder.path))
        os.chmod(self.path, 0o640)

    def read(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def test_nothing_changed_leaves_every_byte(self):
        self.write(CONFIG)
        before = self.read()
        self.daemon()
        self.assertEqual(self.ctl("save"), f"nothing changed: {self.path}\n")
        self.assertEqual(self.read(), before)

    def test_what_changed_is_written_and_comments_stay(self):
        self.write(CONFIG)
        before = self.read().splitlines()
        self.daemon()
        self.ctl("hostfwd", "remove", "::22022-:22")
        self.ctl("hostfwd", "add", "udp:127.0.0.1:22053-web:53")
        self.ctl("policy", "add", "deny=192.0.2.0/24")
        self.ctl("policy", "remove", "allow=tcp:*:443", "web")
        self.ctl("policy", "host-loopback", "8080;9000..9010")
        self.ctl("netdev", "del", "two")
        self.ctl("netdev", "add", f"stream,id=more,server=on,addr.type=unix,"
                                  f"addr.path={self.folder.file('more.sock')}")
        self.ctl("dns", "add", "db", "fec0::99")
        self.ctl("dns", "add", "*.apps.example.org", "10.0.2.7")
        self.ctl("guest", "add", "cache,ip=10.0.2.50")
        self.assertEqual(self.ctl("save"), f"saved {self.path}\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o640)
        after = self.read().splitlines()
        changed = {
            "hostfwd = ::22022-:22; tcp:127.0.0.1:22023-web:22":
                ["hostfwd = tcp:127.0.0.1:22023-web:22; udp:127.0.0.1:22053-web:53"],
            "deny = 10.0.0.0/255.0.0.0": ["deny = 10.0.0.0/255.0.0.0; 192.0.2.0/24"],
            "hostname = a\\\\b": ["hostname = a\\\\b", "host-loopback = 8080;9000..9010"],
            "[netdev two]": [], "type = socket": [], "listen = 127.0.0.1:0": [],
            "allow = tcp:*:443": [],
            "db = 10.0.2.99": ["db = 10.0.2.99; fec0::99", "*.apps.example.org = 10.0.2.7"],
        }
        wanted = [line for old in before for line in changed.get(old, [old])]
        wanted += ["", "[netdev more]", "type = stream", "server = on", "addr.type = unix",
                   f"addr.path = {self.folder.file('more.sock')}",
                   "", "[guest cache]", "ip = 10.0.2.50"]
        self.assertEqual(after, wanted)
        self.assertEqual(self.ctl("save"), f"nothing changed: {self.path}\n")

    def test_restart_has_what_was_saved(self):
        with Daemon(self.folder):
            rule = self.ctl("hostfwd", "add", "tcp:127.0.0.1:22099-web:22").strip()
            self.ctl("guest", "add", "web,mac=52:54:00:00:00:07,ip=10.0.2.70")
            self.ctl("dns", "add", "registry", "10.0.2.20")
            self.ctl("policy", "add", "deny=192.0.2.0/24")
            self.ctl("policy", "add", "allow=192.0.2.1", "web")
            self.ctl("policy", "host-addresses", "off")
            self.ctl("save")
            shown = [self.ctl(*words) for words in (["policy"], ["dns", "list"], ["guests"])]
        self.assertIn("lan.sock", self.read())
        with Daemon(self.folder):
            self.assertIn(rule, self.ctl("forwards"))
            self.assertEqual([self.ctl(*words) for words in (["policy"], ["dns", "list"],
                                                             ["guests"])], shown)
            self.assertEqual([each["id"] for each in json.loads(self.ctl("--json", "netdevs"))],
                             ["nat", "lan", "lan-dgram", "lan-dial"])
            self.assertEqual(self.ctl("save"), f"nothing changed: {self.path}\n")

    def test_file_of_ones_own_choice_can_be_started_from(self):
        with Daemon(self.folder):
            self.ctl("hostfwd", "add", "tcp:127.0.0.1:22098-:22")
            path = self.folder.file("config", "new", "copy.conf")
            self.assertEqual(self.ctl("save", path), f"saved {path}\n")
            self.assertFalse(os.path.exists(self.path))
        with Daemon(self.folder, "--config", path):
            self.assertIn("tcp:127.0.0.1:22098-10.0.2.15:22", self.ctl("forwards"))
            self.ctl("reload")

    def test_values_that_need_escapes_are_read_back(self):
        with Daemon(self.folder):
            self.ctl("netdev", "add", "stream,id=odd,server=on,addr.type=unix,addr.path="
                     + self.folder.file("a;b\\c .sock"))
            self.ctl("guestfwd", "add", "tcp:10.0.2.100:80-unix:" + self.folder.file("x;y\\z"))
            self.ctl("save")
            rows = json.loads(self.ctl("--json", "forwards"))
        with Daemon(self.folder):
            self.assertTrue(os.path.exists(self.folder.file("a;b\\c .sock")))
            self.assertEqual(json.loads(self.ctl("--json", "forwards")), rows)

    def test_file_that_is_wrong_is_left_as_it_is(self):
        self.daemon()
        self.write("[netdev nat\n")
        result = self.run_ctl("save")
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"{self.path}:1: ", result.stderr)
        self.assertEqual(self.read(), "[netdev nat\n")

    def test_link_stays_a_link(self):
        real = self.folder.file("config", "real.conf")
        os.symlink(real, self.path)
        with open(real, "w", encoding="utf-8") as file:
            file.write("# mine\n")
        os.chmod(real, 0o600)
        self.daemon()
        self.ctl("dns", "add", "x", "10.0.2.9")
        self.ctl("save")
        self.assertTrue(os.path.islink(self.path))
        self.assertTrue(self.read().startswith("# mine\n"))
        self.assertIn("x = 10.0.2.9", self.read())
