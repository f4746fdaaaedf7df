# SPDX-License-Identifier: BSD-3-Clause
"""QMP on the wire: the handshake, errors, events and limits are QEMU's."""

import json
import os
import socket
import stat
import struct
import time
import unittest

from lib.daemon import Daemon, Folder
from lib.qmp import QmpError

COMMANDS = {
    "qmp_capabilities", "query-commands", "query-version", "query-status", "netdev_add",
    "netdev_del", "set_link", "getfd", "closefd", "connect", "quit", "human-monitor-command",
    "query-name", "query-qmp-schema", "query-troubles", "query-config", "query-network", "query-netdevs", "query-guests", "query-leases", "query-forwards",
    "query-connections", "query-policy", "query-policy-log",
    "query-policy-learned", "policy-explain", "policy-add", "policy-remove", "policy-set", "query-dns", "hostfwd-add",
    "hostfwd-remove", "guestfwd-add", "guestfwd-remove", "guest-add",
    "guest-remove", "dns-add", "dns-remove", "reload", "capture-start", "capture-stop",
    "query-captures", "query-metrics",
}

MAC = bytes.fromhex("525400123401")


def frame(data):
    return struct.pack(">I", len(data)) + data


def gratuitous_arp(mac, address):
    ip = socket.inet_aton(address)
    return (b"\xff" * 6 + mac + b"\x08\x06" + bytes.fromhex("0001080006040001") + mac + ip
            + b"\x00" * 6 + ip)


class QmpCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.daemon = Daemon(cls.folder)

    @classmethod
    def tearDownClass(cls):
        status = cls.daemon.stop()
        errors = cls.daemon.errors()
        cls.folder.close()
        if status != 0:
            raise AssertionError(f"the daemon ended with status {status}: {errors}")

    def refused(self, kind, desc, call, *arguments, **named):
        with self.assertRaises(QmpError) as caught:
            call(*arguments, **named)
        self.assertEqual((caught.exception.kind, caught.exception.desc), (kind, desc))


class Handshake(QmpCase):
    def test_greeting_has_the_version_in_numbers(self):
        with self.daemon.qmp(negotiate=False) as qmp:
            version = qmp.greeting["QMP"]["version"]
            for part in ("major", "minor", "micro"):
                self.assertIsInstance(version["qemu"][part], int)
            self.assertIn("usernet", version["package"])
            self.assertEqual(qmp.greeting["QMP"]["capabilities"], ["oob"])

    def test_nothing_works_before_negotiation(self):
        with self.daemon.qmp(negotiate=False) as qmp:
            for command in ("query-status", "no-such-command"):
                self.refused("CommandNotFound",
                             "Expecting capabilities negotiation with 'qmp_capabilities'",
                             qmp.run, command)
            self.assertEqual(qmp.run("qmp_capabilities"), {})
            self.assertTrue(qmp.run("query-status")["running"])

    def test_negotiation_happens_once(self):
        with self.daemon.qmp() as qmp:
            self.refused("CommandNotFound",
                         "Capabilities negotiation is already complete, command ignored",
                         qmp.run, "qmp_capabilities")

    def test_capability_that_there_is_not_is_refused(self):
        with self.daemon.qmp(negotiate=False) as qmp:
            self.refused("GenericError", "Parameter 'enable[1]' does not accept value 'none'",
                         qmp.run, "qmp_capabilities", enable=["oob", "none"])
            self.refused("GenericError", "Invalid parameter type for 'enable[0]', expected: string",
                         qmp.run, "qmp_capabilities", enable=[5])
            self.assertEqual(qmp.run("qmp_capabilities", enable=["oob"]), {})

    def test_exec_oob_works_where_it_was_enabled_and_the_command_allows_it(self):
        generic, unknown = "GenericError", "CommandNotFound"
        with self.daemon.qmp() as qmp:
            self.assertEqual(qmp.ask('{"exec-oob":"query-name"}')["error"],
                             {"class": generic,
                              "desc": "QMP input member 'exec-oob' is unexpected"})
        with self.daemon.qmp(negotiate=False) as qmp:
            self.assertIn("error", qmp.ask('{"exec-oob":"query-name"}'))
            qmp.run("qmp_capabilities", enable=["oob"])
            self.assertEqual(qmp.ask('{"exec-oob":"query-name","id":"a"}'),
                             {"return": {"name": "default"}, "id": "a"})
            for request, kind, desc in (
                    ('{"exec-oob":"quit"}', generic, "The command quit does not support OOB"),
                    ('{"exec-oob":"foo"}', unknown, "The command foo has not been found"),
                    ('{"exec-oob":5}', generic, "QMP input member 'exec-oob' must be a string"),
                    ('{"exec-oob":"query-name","execute":"quit"}', generic,
                     "QMP input member 'exec-oob' clashes with 'execute'")):
                with self.subTest(request=request):
                    self.assertEqual(qmp.ask(request)["error"], {"class": kind, "desc": desc})
            self.assertTrue(qmp.run("query-status")["running"])

    def test_client_that_does_as_qmp_shell(self):
        with self.daemon.qmp(negotiate=False) as qmp:
            self.assertIn("QMP", qmp.greeting)
            self.assertEqual(qmp.ask('{"execute": "qmp_capabilities"}'), {"return": {}})
            names = [entry["name"] for entry in qmp.run("query-commands")]
            self.assertEqual(set(names), COMMANDS)
            self.assertEqual(len(names), len(set(names)))
            # qmp-shell -H asks these first, for its completion.
            for line in ("help", "info"):
                text = qmp.run("human-monitor-command", command_line=line, cpu_index=0)
                for row in text.split("\r\n")[:-1]:
                    self.assertRegex(row, r"^\S+ .*-- \S")

    def test_socket_is_for_its_owner_alone(self):
        mode = os.stat(self.daemon.run_dir("qmp.sock")).st_mode
        self.assertEqual(stat.S_IMODE(mode) & 0o077, 0)


class Requests(QmpCase):
    def test_id_is_echoed_whatever_it_is(self):
        with self.daemon.qmp() as qmp:
            for ident in (5, "x", None, True, 1.5, [1, {"a": []}], {"b": "ä\"\\"}, ""):
                request = {"execute": "query-version", "id": ident}
                self.assertEqual(qmp.ask(json.dumps(request))["id"], ident)
                request["execute"] = "nonsense"
                answer = qmp.ask(json.dumps(request))
                self.assertEqual(answer["id"], ident)
                self.assertIn("error", answer)
            self.assertNotIn("id", qmp.ask('{"execute":"query-version"}'))

    def test_mistakes_are_named_in_qemus_words(self):
        generic, unknown = "GenericError", "CommandNotFound"
        cases = [
            ('{"execute":"foo"}', unknown, "The command foo has not been found"),
            ('{"exe":"foo"}', generic, "QMP input member 'exe' is unexpected"),
            ('{"execute":5}', generic, "QMP input member 'execute' must be a string"),
            ('{"arguments":{}}', generic, "QMP input lacks member 'execute'"),
            ('{}', generic, "QMP input lacks member 'execute'"),
            ('{"execute":"quit","arguments":5}', generic,
             "QMP input member 'arguments' must be an object"),
            ('{"execute":"quit","foo":5}', generic, "QMP input member 'foo' is unexpected"),
            ('[1]', generic, "QMP input must be a JSON object"),
            ('5 ', generic, "QMP input must be a JSON object"),
            ('"a"', generic, "QMP input must be a JSON object"),
            ('}', generic, "JSON parse error, expecting value"),
            ('{"execute":"set_link"}', generic, "Parameter 'name' is missing"),
            ('{"execute":"set_link","arguments":{"name":"x"}}', generic,
             "Parameter 'up' is missing"),
            ('{"execute":"set_link","arguments":{"name":5,"up":true}}', generic,
             "Invalid parameter type for 'name', expected: string"),
            ('{"execute":"set_link","arguments":{"name":"x","up":"on"}}', generic,
             "Invalid parameter type for 'up', expected: boolean"),
            ('{"execute":"set_link","arguments":{"name":"x","up":true,"z":1}}', generic,
             "Parameter 'z' is unexpected"),
            ('{"execute":"query-version","arguments":{"a":1}}', generic,
             "Parameter 'a' is unexpected"),
            ('{"execute":"set_link","arguments":{"name":"x","up":true}}', "DeviceNotFound",
             "Device 'x' not found"),
            ('{"execute":"netdev_del","arguments":{"id":"zz"}}', "DeviceNotFound",
             "Device 'zz' not found"),
            ('{"execute":"getfd","arguments":{"fdname":"x"}}', generic,
             "No file descriptor supplied via SCM_RIGHTS"),
            ('{"execute":"closefd","arguments":{"fdname":"x"}}', generic,
             "File descriptor named 'x' not found"),
        ]
        with self.daemon.qmp() as qmp:
            for request, kind, desc in cases:
                with self.subTest(request=request):
                    self.assertEqual(qmp.ask(request)["error"], {"class": kind, "desc": desc})
            for request in ('{"a":}', 'xyz ', '{"a" "b"}', "\x01", b"\xff", '{"a\n'):
                with self.subTest(request=request):
                    error = qmp.ask(request)["error"]
                    self.assertTrue(error["desc"].startswith("JSON parse error, "), error)
            self.assertTrue(qmp.run("query-status")["running"])

    def test_request_split_anywhere_is_one_request(self):
        request = b'{"execute": "query-version", "id": "a}{\\"]["}'
        with self.daemon.qmp() as qmp:
            for at in range(1, len(request)):
                qmp.send(request[:at])
                qmp.send(request[at:])
                self.assertEqual(qmp.answer()["id"], 'a}{"][')
            for at in range(len(request)):
                qmp.send(request[at:at + 1])
            self.assertEqual(qmp.answer()["id"], 'a}{"][')

    def test_half_a_request_gets_no_answer_and_holds_up_nobody(self):
        with self.daemon.qmp() as slow, self.daemon.qmp() as quick:
            slow.send('{"execute":"query-')
            self.assertTrue(quick.run("query-status")["running"])
            slow.send('version"}')
            self.assertIn("return", slow.answer())

    def test_requests_in_one_write_are_answered_in_order(self):
        with self.daemon.qmp() as qmp:
            qmp.send("".join(f'{{"execute":"query-version","id":{n}}}' for n in range(500)))
            self.assertEqual([qmp.answer()["id"] for _ in range(500)], list(range(500)))

    def test_single_quotes_do_as_in_qemu(self):
        with self.daemon.qmp() as qmp:
            self.assertEqual(qmp.ask("{'execute':'query-version','id':'it\\'s \"q\"'}")["id"],
                             "it's \"q\"")

    def test_impossible_byte_is_an_error_before_its_request_ends(self):
        # QEMU tests/qtest/qmp-test.c sends these and waits for the error before it goes on.
        with self.daemon.qmp() as qmp:
            for begun in (b"{]\n", b"{\xff", b"{\x01", b"{'bad \xff", b"{'execute': 'x', 'id':'\n",
                          b"%p", b"{'execute': %s", b"@"):
                with self.subTest(begun=begun):
                    self.assertEqual(qmp.ask(begun)["error"]["class"], "GenericError")
                    self.assertEqual(qmp.ask("{'execute': 'no-such-cmd'}")["error"]["class"],
                                     "CommandNotFound")
            self.assertEqual(qmp.ask("{'execute': 'query-name', 'id': '100 %p'}")["id"], "100 %p")

    def test_oversized_request_is_answered_and_closed(self):
        with self.daemon.qmp() as qmp:
            self.assertIn("return", qmp.ask(
                json.dumps({"execute": "query-version", "id": "a" * 1000000})))
            try:
                qmp.send('{"execute":"' + "a" * (2 * 1024 * 1024))
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = qmp.answer()
            if answer is not None:
                self.assertEqual(answer["error"]["desc"], "JSON token size limit exceeded")
            self.assertTrue(qmp.at_end())

    def test_deep_nesting_is_refused(self):
        with self.daemon.qmp() as qmp:
            answer = qmp.ask("[" * 65)
            self.assertEqual(answer["error"]["desc"], "JSON nesting depth limit exceeded")
            self.assertTrue(qmp.run("query-status")["running"])

    def test_invalid_utf8_in_a_string_is_refused(self):
        with self.daemon.qmp() as qmp:
            answer = qmp.ask(b'{"execute":"\xff\xfe"}')
            self.assertEqual(answer["error"]["desc"], "JSON parse error, invalid UTF-8 sequence")


class Schema(QmpCase):
    """Entries that clients of query-qmp-schema, such as libvirt, look up."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.daemon.qmp() as qmp:
            cls.entities = qmp.run("query-qmp-schema")
            cls.by_name = {each["name"]: each for each in cls.entities}

    def named(self, meta):
        return {each["name"] for each in self.entities if each["meta-type"] == meta}

    def members(self, name):
        return {each["name"]: each for each in self.by_name[name]["members"]}

    def test_commands_are_those_of_query_commands(self):
        self.assertEqual(self.named("command"), COMMANDS)
        self.assertEqual(len(self.by_name), len(self.entities))
        self.assertTrue(self.by_name["query-status"]["allow-oob"])
        self.assertNotIn("allow-oob", self.by_name["quit"])

    def test_every_type_is_there(self):
        for entity in self.entities:
            used = [entity.get(key) for key in ("arg-type", "ret-type", "element-type")]
            for key in ("members", "variants"):
                used += [each.get("type") for each in entity.get(key, [])]
            for name in used:
                self.assertTrue(name is None or name in self.by_name, (entity, name))

    def test_arguments_say_which_may_be_left_out(self):
        members = self.members(self.by_name["hostfwd-add"]["arg-type"])
        self.assertEqual(members, {"rule": {"name": "rule", "type": "str"},
                                   "id": {"name": "id", "type": "str", "default": None},
                                   "with-client": {"name": "with-client", "type": "bool",
                                                   "default": None}})
        self.assertEqual(self.members(self.by_name["qmp_capabilities"]["arg-type"]),
                         {"enable": {"name": "enable", "type": "[str]", "default": None}})
        self.assertEqual(self.by_name[self.by_name["quit"]["arg-type"]]["members"], [])

    def test_netdevs_are_a_union_by_type(self):
        netdev = self.by_name[self.by_name["netdev_add"]["arg-type"]]
        self.assertEqual(netdev["tag"], "type")
        variants = {each["case"]: each["type"] for each in netdev["variants"]}
        self.assertLessEqual({"user", "stream", "dgram", "socket"}, set(variants))
        self.assertEqual(set(variants),
                         {each["name"] for each in self.by_name["NetClientDriver"]["members"]})
        self.assertIn("hostfwd", self.members(variants["user"]))
        stream = self.members(variants["stream"])
        self.assertEqual(stream["server"]["type"], "bool")
        self.assertIn("path", self.members(stream["addr"]["type"]))

    def test_commands_of_qemu_that_we_have_not_are_not_found(self):
        with self.daemon.qmp() as qmp:
            for name in ("query-command-line-options", "query-cpus-fast", "migrate-pause"):
                self.assertNotIn(name, self.by_name)
                self.refused("CommandNotFound", f"The command {name} has not been found",
                             qmp.run, name)

    def test_name_is_the_networks(self):
        with self.daemon.qmp() as qmp:
            self.assertEqual(qmp.run("query-name"), {"name": "default"})
            self.assertEqual(qmp.run("query-status")["status"], "running")


class Clients(QmpCase):
    def test_many_at_once_each_get_their_own_answers(self):
        clients = [self.daemon.qmp() for _ in range(30)]
        for round_number in range(10):
            for number, client in enumerate(clients):
                client.send(json.dumps({"execute": "query-commands",
                                        "id": [number, round_number]}))
        for round_number in range(10):
            for number, client in enumerate(clients):
                self.assertEqual(client.answer()["id"], [number, round_number])
        for client in clients:
            client.close()

    def test_sixty_five_are_one_too_many(self):
        clients = [self.daemon.qmp() for _ in range(64)]
        with self.assertRaises((EOFError, ConnectionError)):
            self.daemon.qmp()
        for client in clients:
            client.close()
        # They are closed within a turn.
        deadline = time.monotonic() + 30
        while True:
            try:
                with self.daemon.qmp() as qmp:
                    self.assertTrue(qmp.run("query-status")["running"])
                break
            except (EOFError, ConnectionError):
                self.assertLess(time.monotonic(), deadline)

    def test_client_that_does_not_read_is_not_read_either(self):
        with self.daemon.qmp() as deaf:
            # Each answer is as large as the id that it repeats.
            request = json.dumps({"execute": "query-version", "id": "a" * 1000}) * 900
            deaf.socket.settimeout(1)
            with self.assertRaises(TimeoutError):
                for _ in range(40):
                    deaf.send(request)
            with self.daemon.qmp() as other:
                self.assertTrue(other.run("query-status")["running"])

    def test_client_whose_answers_pile_up_is_dropped(self):
        with Folder() as folder:
            netdevs = []
            for number in range(16):
                netdevs += ["--netdev", f"socket,id=n{number},listen=127.0.0.1:0"]
            with Daemon(folder, *netdevs) as daemon, daemon.qmp() as deaf:
                # Read at once, but answered with some 5 KB each: over 4 MB.
                deaf.send('{"execute":"query-netdevs"}' * 2000)
                with daemon.qmp() as other:
                    self.assertTrue(other.run("query-status")["running"])
                answers = 0
                while deaf.read() is not None:
                    answers += 1
                self.assertLess(answers, 2000)

    def test_client_may_go_in_the_middle(self):
        for part in ("", '{"execute":"query', '{"execute":"query-commands"}' * 50):
            qmp = self.daemon.qmp()
            qmp.send(part)
            qmp.close()
        with self.daemon.qmp() as qmp:
            self.assertTrue(qmp.run("query-status")["running"])


class Events(QmpCase):
    def test_all_who_negotiated_see_an_event_with_its_time(self):
        with self.daemon.qmp() as one, self.daemon.qmp() as two, \
                self.daemon.qmp(negotiate=False) as silent:
            before = time.time()
            forward = one.run("hostfwd-add", rule="tcp:127.0.0.1:0-:22")
            for client in (one, two):
                event = client.event("FORWARD_ADDED")
                self.assertEqual(event["data"], {"netdev": "nat", "rule": forward["rule"]})
                stamp = event["timestamp"]
                self.assertLess(abs(stamp["seconds"] + stamp["microseconds"] / 1e6 - before), 30)
            one.run("hostfwd-remove", rule=f"tcp:127.0.0.1:{forward['host-port']}")
            self.assertEqual(two.event("FORWARD_REMOVED")["data"]["rule"], forward["rule"])
            self.assertEqual(silent.ask('{"execute":"qmp_capabilities"}'), {"return": {}})
            self.assertEqual(silent.events, [])

    def test_stream_guest_connects_speaks_and_goes(self):
        with self.daemon.qmp() as qmp:
            guest = socket.socket(socket.AF_UNIX)
            guest.connect(self.daemon.run_dir("lan.sock"))
            event = qmp.event("NETDEV_STREAM_CONNECTED")
            self.assertEqual(event["data"]["netdev-id"], "lan")
            self.assertEqual(event["data"]["addr"],
                             {"type": "unix", "path": self.daemon.run_dir("lan.sock")})
            port = event["data"]["port"]
            guest.sendall(frame(gratuitous_arp(MAC, "10.0.2.77")))
            event = qmp.event("GUEST_JOINED")
            self.assertEqual(event["data"]["mac"], "52:54:00:12:34:01")
            self.assertEqual(event["data"]["port"], port)
            qmp.run("query-version")
            [entry] = qmp.run("query-guests")
            self.assertEqual((entry["mac"], entry["ipv4"], entry["leased"]),
                             ("52:54:00:12:34:01", "10.0.2.77", False))
            netdev = {each["id"]: each for each in qmp.run("query-netdevs")}["lan"]
            self.assertEqual([each["name"] for each in netdev["ports"]], [port])
            self.assertEqual(netdev["ports"][0]["rx-frames"], 1)
            guest.close()
            event = qmp.event("NETDEV_STREAM_DISCONNECTED")
            self.assertEqual((event["data"]["netdev-id"], event["data"]["port"]), ("lan", port))
            self.assertEqual(qmp.event("GUEST_LEFT")["data"]["mac"], "52:54:00:12:34:01")
            self.assertEqual(qmp.run("query-guests"), [])


class Changes(QmpCase):
    def test_netdev_comes_and_goes(self):
        path = self.folder.file("two.sock")
        with self.daemon.qmp() as qmp:
            qmp.run("netdev_add", type="stream", id="two", server=True,
                    addr={"type": "unix", "path": path})
            self.assertTrue(stat.S_ISSOCK(os.stat(path).st_mode))
            self.assertIn("two", [each["id"] for each in qmp.run("query-netdevs")])
            self.refused("GenericError", "Duplicate ID 'two' for netdev", qmp.run, "netdev_add",
                         type="socket", id="two", listen="127.0.0.1:0")
            qmp.run("netdev_del", id="two")
            self.assertNotIn("two", [each["id"] for each in qmp.run("query-netdevs")])
            self.assertFalse(os.path.exists(path))

    def test_netdev_that_fails_leaves_nothing(self):
        with self.daemon.qmp() as qmp:
            qmp.run("netdev_del", id="nat")
            before = qmp.run("query-netdevs")
            for arguments in ({"type": "user", "id": "nat", "hostfwd": [
                                   {"str": "tcp:127.0.0.1:0-:22"}, {"str": "bad"}]},
                              {"type": "user", "id": "nat", "hostfwd": "tcp::1-:1"},
                              {"type": "user", "id": "nat", "restrict": "on"},
                              {"type": "stream", "id": "x", "server": True,
                               "addr": {"type": "unix", "path": "/nonexistent/x"}},
                              {"type": "foo", "id": "x"}, {"type": "user"}, {"id": "x"}, {}):
                with self.subTest(arguments=arguments), self.assertRaises(QmpError):
                    qmp.run("netdev_add", **arguments)
            self.assertEqual([each["id"] for each in qmp.run("query-netdevs")],
                             [each["id"] for each in before])
            self.assertEqual(qmp.run("query-forwards"), [])
            qmp.run("netdev_add", type="user", id="nat",
                    hostfwd=[{"str": "tcp:127.0.0.1:0-:22"}])
            [forward] = qmp.run("query-forwards")
            with socket.create_connection(("127.0.0.1", forward["host-port"]), 10):
                pass
            qmp.run("hostfwd-remove", id="nat", rule=f"tcp:127.0.0.1:{forward['host-port']}")

    def test_forwards_are_made_found_and_removed(self):
        with self.daemon.qmp() as qmp:
            forward = qmp.run("hostfwd-add", rule="udp:127.0.0.1:0-10.0.2.99:53")
            self.assertEqual((forward["protocol"], forward["guest-address"],
                              forward["guest-port"]), ("udp", "10.0.2.99", 53))
            self.assertIn(forward, qmp.run("query-forwards"))
            rule = f"udp:127.0.0.1:{forward['host-port']}"
            self.assertEqual(qmp.run("hostfwd-remove", rule=rule), {})
            self.assertEqual(qmp.run("query-forwards"), [])
            self.refused("DeviceNotFound", f"host forwarding rule for {rule} not found",
                         qmp.run, "hostfwd-remove", rule=rule)
            self.refused("GenericError", "Invalid host forwarding rule 'x' (No : separators): "
                         "[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport is needed",
                         qmp.run, "hostfwd-add", rule="x")
            self.refused("DeviceNotFound", "unrecognized netdev id 'zz'",
                         qmp.run, "hostfwd-add", id="zz", rule="tcp::0-:1")
            self.refused("GenericError", "invalid device specified",
                         qmp.run, "hostfwd-add", id="lan", rule="tcp::0-:1")

    def test_link_is_set_by_netdev_port_and_guest(self):
        with self.daemon.qmp() as qmp, socket.socket(socket.AF_UNIX) as guest:
            guest.connect(self.daemon.run_dir("lan.sock"))
            port = qmp.event("NETDEV_STREAM_CONNECTED")["data"]["port"]
            guest.sendall(frame(gratuitous_arp(MAC, "10.0.2.78")))
            qmp.event("GUEST_JOINED")

            def links():
                netdev = {each["id"]: each for each in qmp.run("query-netdevs")}["lan"]
                return netdev["link"], netdev["ports"][0]["link"]

            qmp.run("set_link", name="lan", up=False)
            self.assertFalse(links()[0])
            qmp.run("set_link", name="lan", up=True)
            self.assertEqual(links(), (True, True))
            for name in (port, "52:54:00:12:34:01"):
                qmp.run("set_link", name=name, up=False)
                self.assertEqual(links(), (True, False))
                qmp.run("set_link", name=name, up=True)
                self.assertEqual(links(), (True, True))

    def test_passed_descriptor_becomes_a_netdev(self):
        ours, theirs = socket.socketpair()
        with self.daemon.qmp() as qmp, ours:
            with theirs:
                qmp.send_fd('{"execute":"getfd","arguments":{"fdname":"plug"}}',
                            theirs.fileno())
            self.assertEqual(qmp.answer(), {"return": {}})
            with self.daemon.qmp() as other:
                # Names belong to the client that made them.
                self.refused("GenericError", "File descriptor named 'plug' not found",
                             other.run, "closefd", fdname="plug")
            qmp.run("netdev_add", type="stream", id="passed", addr={"type": "fd", "str": "plug"})
            ours.sendall(frame(gratuitous_arp(MAC, "10.0.2.79")))
            self.assertEqual(qmp.event("GUEST_JOINED")["data"]["netdev"], "passed")
            with self.assertRaises(QmpError):
                qmp.run("netdev_add", type="stream", id="again",
                        addr={"type": "fd", "str": "plug"})
            qmp.run("netdev_del", id="passed")
            ours.settimeout(30)
            while ours.recv(65536):
                pass

    def test_descriptors_are_closed_with_the_client(self):
        ours, theirs = socket.socketpair()
        with ours:
            with self.daemon.qmp() as qmp, theirs:
                qmp.send_fd('{"execute":"getfd","arguments":{"fdname":"a"}}', theirs.fileno())
                self.assertEqual(qmp.answer(), {"return": {}})
                qmp.send_fd('{"execute":"query-version"}', theirs.fileno())
                self.assertIn("return", qmp.answer())
            ours.settimeout(30)
            self.assertEqual(ours.recv(1), b"")

    def test_numbers_are_no_descriptors_for_a_client(self):
        with self.daemon.qmp() as qmp:
            with self.assertRaises(QmpError):
                qmp.run("netdev_add", type="socket", id="x", fd="5")


class Ending(unittest.TestCase):
    def test_quit_answers_says_so_to_all_and_leaves_nothing(self):
        with Folder() as folder, Daemon(folder) as daemon:
            with daemon.qmp() as qmp, daemon.qmp() as other:
                self.assertEqual(qmp.run("quit"), {})
                for client in (qmp, other):
                    event = client.event("SHUTDOWN")
                    self.assertEqual(event["data"], {"guest": False, "reason": "host-qmp-quit"})
                    self.assertTrue(client.at_end())
            self.assertEqual(daemon.wait(), 0)
            self.assertEqual(folder.left(), ["default.err", "default.out"])

    def test_further_socket_serves_too(self):
        with Folder() as folder:
            path = folder.file("extra.sock")
            with Daemon(folder, "--qmp", f"unix:{path},server=on,wait=off") as daemon:
                from lib.qmp import Qmp
                with Qmp(path) as qmp:
                    self.assertEqual(qmp.run("query-status")["pid"], daemon.pid)
            self.assertFalse(os.path.exists(path))
