# SPDX-License-Identifier: BSD-3-Clause
"""A mistake in the configuration file is reported with file, line and key, by the parser, a check
of several keys together, or the kernel."""

import os
import unittest

from lib.daemon import Folder, run_daemon

USER = {
    "ipv4": "maybe", "ipv6": "maybe", "net": "x", "host": "x", "dns": "x", "dhcpstart": "9.9.9.9",
    "dhcpend": "9.9.9.9", "ipv6-net": "x", "ipv6-prefix": "x", "ipv6-prefixlen": "999",
    "ipv6-host": "x", "ipv6-dns": "x", "restrict": "x", "domainname": "a..b", "dhcp": "x",
    "hostfwd": "tcp:127.0.0.1:0-:22;tcp:192.0.2.1:80-:80", "guestfwd": "tcp:9.9.9.9:1-cmd:x",
    "lease-time": "1", "mtu": "1", "host-loopback": "x", "host-addresses": "x", "allow": "x:y:z",
    "deny": "tcp:!", "hostfwd-addr": "x", "dns-server": "x", "route": "x", "ntp": "x",
    "offload": "x", "max-guests": "0", "smb": "/x", "frob": "1",
}
# Other keys in front, then the one that is wrong.
NETDEVS = [
    ("type=stream\nserver=on\naddr.type=unix", "addr.path", "/no/dir/x"),
    ("type=stream\naddr.path=/x", "addr.type", "x"),
    ("type=stream\naddr.type=inet\naddr.port=0", "addr.host", "nowhere.invalid"),
    ("type=stream\naddr.type=inet\nserver=on\naddr.port=80", "addr.host", "192.0.2.1"),
    ("type=stream\naddr.type=inet\naddr.host=127.0.0.1", "addr.port", "99999"),
    ("type=stream\naddr.type=fd", "addr.str", "55"),
    ("type=stream\naddr.type=unix\naddr.path=/x", "reconnect", "x"),
    ("type=dgram\nlocal.type=unix", "local.path", "/no/dir/x"),
    ("type=socket", "listen", "192.0.2.1:80"),
    ("type=socket", "fd", "55"),
    ("type=socket", "mcast", "1.2.3.4:5"),
    ("ifname=x", "type", "frob"),
]
NETWORK = {
    "name": "a/b", "run-dir": "/proc/x", "state-dir": "/proc/x", "qmp": "unix:/no/dir/q",
    "pidfile": "/no/dir/x", "ready-fd": "55", "log-file": "/no/dir/x", "log-level": "x",
    "daemon": "x", "no-default-netdevs": "x", "frob": "1",
}
GUEST = {"mac": "x", "ip": "x", "port": "nope", "allow": "!", "deny": "!", "frob": "1"}
OTHERS = [
    ("[guest a]\nip=10.0.2.20\n[guest b]", "ip", "10.0.2.20"),
    ("[guest a]\nmac=52:54:00:00:00:01\n[guest b]", "mac", "52:54:00:00:00:01"),
    ("[guest a]", "ip", "10.0.2.2"),
    ("[dns]", "n", "x"),
    ("[dns]", "a..b", "10.0.2.9"),
    ("[netdev nat]\ntype=user\nhostname=a", "hostname", "b"),
]


class Blame(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def is_blamed(self, before, key, value):
        text = f"{before}\n\n# a comment\n{key} = {value}\n"
        path = self.folder.file("lab.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        result = run_daemon(self.folder, "--config", path)
        where = f"{path}:{text.count(chr(10))}: "
        with self.subTest(key=key, value=value):
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(where, result.stderr)
            self.assertIn(key, result.stderr.split(where)[1])

    def test_keys_of_the_gateway(self):
        for key, value in USER.items():
            self.is_blamed("[netdev nat]\ntype=user", key, value)

    def test_keys_of_other_netdevs(self):
        for before, key, value in NETDEVS:
            self.is_blamed("[netdev lan]\n" + before, key, value)

    def test_keys_of_the_network(self):
        for key, value in NETWORK.items():
            self.is_blamed("[network]", key, value)

    def test_keys_of_guests(self):
        for key, value in GUEST.items():
            self.is_blamed("[guest web]", key, value)

    def test_keys_that_do_not_go_together(self):
        for before, key, value in OTHERS:
            self.is_blamed(before, key, value)
