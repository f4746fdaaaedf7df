# SPDX-License-Identifier: BSD-3-Clause
"""Names by command: guests declared before they come, their MAC addresses, DNS records."""
import json
import re
import struct

from lib import packet as pk
from lib.case import DNS, GatewayCase
from lib.daemon import run_ctl
from lib.qmp import QmpError


class NamesCase(GatewayCase):
    def ctl(self, *arguments, status=0):
        result = run_ctl(self.lan.folder, "--name", self.lan.name, *arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stdout.strip() if status == 0 else result.stderr.strip()

    def guests(self):
        return {guest["name"]: guest for guest in self.lan.ask("query-guests") if "name" in guest}

    def lookup(self, station, name, kind=1):
        """The addresses (kind 1: A, 28: AAAA) the name server has for NAME; None: no such name."""
        question = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        answer = station.udp_exchange(DNS, 53, struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0)
                                      + question + b"\0" + struct.pack(">HH", kind, 1))
        _, flags, _, count, _, _ = struct.unpack_from(">HHHHHH", answer)
        if flags & 15 == 3:
            return None
        self.assertEqual(flags & 15, 0)
        found, at = [], 12 + len(question) + 1 + 4
        for _ in range(count):
            at += 2 if answer[at] & 0xc0 else answer.index(b"\0", at) + 1 - at
            _, _, _, length = struct.unpack_from(">HHIH", answer, at)
            found.append(answer[at + 10:at + 10 + length])
            at += 10 + length
        return sorted(found)


class Guests(NamesCase):
    def test_mac_is_known_without_a_network_and_is_the_one_it_gets(self):
        self.network(start=False)
        mac = self.ctl("mac", "web")
        self.assertRegex(mac, r"^52:54:00(:[0-9a-f]{2}){3}$")
        self.assertEqual(self.ctl("mac", "WEB"), mac)
        self.assertNotEqual(self.ctl("mac", "db"), mac)
        self.assertNotEqual(self.ctl("--name", "other", "mac", "web"), mac)
        self.assertIn("a guest's name is", self.ctl("mac", "a_b", status=2))
        self.lan.start()
        self.assertEqual(self.ctl("guest", "add", "web"), mac)

    def test_the_command_line_names_guests(self):
        self.network("", "--guest", "web,ip=10.0.2.20", "--guest",
                     "db,mac=52:54:00:aa:00:01,port=lan")
        guests = self.guests()
        self.assertEqual(guests["web"]["ipv4"], "10.0.2.20")
        self.assertEqual((guests["db"]["mac"], guests["db"]["netdev"]),
                         ("52:54:00:aa:00:01", "lan"))
        web = self.station(mac=pk.mac(guests["web"]["mac"]))
        self.assertEqual(web.ip, "10.0.2.20")
        db = self.station(mac=pk.mac("52:54:00:aa:00:01"))
        self.assertEqual(db.ip, guests["db"]["ipv4"])
        self.assertTrue(self.guests()["web"]["here"])
        self.assertTrue(self.guests()["web"]["reserved"])
        other = self.station()
        self.assertEqual(self.lookup(other, "web"), [pk.ip4("10.0.2.20")])
        self.assertEqual(self.lookup(other, "db.usernet.internal"), [pk.ip4(db.ip)])

    def test_a_guest_is_added_and_removed_live(self):
        self.network()
        mac = self.ctl("guest", "add", "web,ip=10.0.2.77")
        web = self.station(mac=pk.mac(mac))
        self.assertEqual(web.ip, "10.0.2.77")
        self.assertEqual(self.lookup(web, "web"), [pk.ip4("10.0.2.77")])
        self.assertIn("there is a guest of this name already",
                      self.ctl("guest", "add", "web", status=1))
        self.ctl("guest", "remove", "WEB")
        self.assertFalse([guest for guest in self.lan.ask("query-guests") if guest["reserved"]])
        self.assertIn("Guest 'web' not found", self.ctl("guest", "remove", "web", status=1))

    def test_what_is_wrong_with_a_guest_is_said(self):
        self.network()
        for text, part in (("a_b", "not a host name"), ("gateway", "the network's own"),
                           ("web,mac=x", "mac=x is not the MAC address"),
                           ("web,ip=10.9.9.9", "10.9.9.9"), ("web,ip=10.0.2.2", "10.0.2.2"),
                           ("web,port=x", "Device 'x' not found"),
                           ("web,frob=1", "Parameter 'frob' is unexpected")):
            with self.subTest(text):
                self.assertIn(part, self.ctl("guest", "add", text, status=1))
        self.assertIn("expected KEY=VALUE", self.ctl("guest", "add", "web,frob", status=2))
        with self.lan.daemon.qmp() as qmp:
            with self.assertRaises(QmpError) as caught:
                qmp.run("guest-add", name=5)
            self.assertIn("'name', expected: string", caught.exception.desc)
        self.assertEqual(self.guests(), {})

    def test_events_carry_the_name(self):
        self.network("", "--guest", "web,ip=10.0.2.20")
        with self.lan.daemon.qmp() as qmp:
            station = self.station(mac=pk.mac(self.guests()["web"]["mac"]))
            joined = qmp.event("GUEST_JOINED")["data"]
            self.assertEqual((joined["name"], joined["reserved"]), ("web", True))
            granted = qmp.event("LEASE_GRANTED")["data"]
            self.assertEqual((granted["name"], granted["address"]), ("web", station.ip))
            station.guest.close()
            self.assertEqual(qmp.event("GUEST_LEFT")["data"]["name"], "web")
        self.assertFalse(self.guests()["web"]["here"])


class Records(NamesCase):
    def test_records_are_added_listed_and_removed(self):
        self.network()
        station = self.station()
        self.assertIsNone(self.lookup(station, "db.usernet.internal"))
        self.assertEqual(self.ctl("dns", "list"), "no records")
        self.ctl("dns", "add", "db", "10.0.2.70")
        self.ctl("dns", "add", "db", "fec0::70")
        self.ctl("dns", "add", "*.apps.example.org", "10.0.2.80")
        self.assertEqual(self.lookup(station, "db"), [pk.ip4("10.0.2.70")])
        self.assertEqual(self.lookup(station, "db.usernet.internal", 28), [pk.ip6("fec0::70")])
        self.assertEqual(self.lookup(station, "any.apps.example.org"), [pk.ip4("10.0.2.80")])
        self.assertEqual(sorted(re.split(r"\s+", line) for line in
                                self.ctl("dns", "list").splitlines()[1:]),
                         sorted([["db.usernet.internal", "A", "10.0.2.70"],
                                 ["db.usernet.internal", "AAAA", "fec0::70"],
                                 ["*.apps.example.org", "A", "10.0.2.80"]]))
        self.ctl("dns", "remove", "db", "10.0.2.70")
        self.assertEqual(self.lookup(station, "db"), [])
        self.ctl("dns", "remove", "db")
        self.assertIsNone(self.lookup(station, "db.usernet.internal"))

    def test_what_is_wrong_with_a_record_is_said(self):
        self.network()
        for name, address, part in (("a..b", "10.0.2.1", "'a..b' is not a name"),
                                    ("a", "10.0.2.300", "'10.0.2.300' is not an IPv4 or IPv6"),
                                    ("gateway", "10.0.2.1", "the gateway's own")):
            with self.subTest(name):
                self.assertIn(part, self.ctl("dns", "add", name, address, status=1))
        self.assertIn("there is no record of 'x'", self.ctl("dns", "remove", "x", status=1))
        self.assertIn("unexpected 'c'", self.ctl("dns", "remove", "a", "b", "c", status=2))

    def test_the_name_server_tells_of_itself(self):
        self.network("domainname=lab.test,dns-server=127.0.0.1#5300")
        station = self.station()
        self.assertEqual(self.lookup(station, "gateway.lab.test"), [pk.ip4("10.0.2.2")])
        dns = json.loads(self.ctl("--json", "dns", "list"))
        self.assertEqual((dns["domain"], dns["servers"]), ("lab.test", ["127.0.0.1#5300"]))
        self.assertEqual(dns["counters"]["local"], 1)
        self.assertEqual(dns["counters"]["queries-udp"], 1)

    def test_without_a_gateway_there_is_no_name_server(self):
        self.network()
        self.lan.ask("netdev_del", id="nat")
        self.assertIn("it comes with a user netdev", self.ctl("dns", "add", "a", "10.0.2.1",
                                                              status=1))
        self.assertIn("it comes with a user netdev", self.ctl("dns", "list", status=1))
