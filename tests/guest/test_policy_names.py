#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A real guest in a sandbox: what its rules name is fetched, and everything else fails at once with
the client's own error."""

import http.server
import threading
import time

from lab import Lab, LabError, expect, expect_stopped_cleanly
from world import ZONE, dnsmasq, enter_namespace, namespace

WEB, OTHER, PORT = "192.0.2.7", "192.0.2.8", 8080  # a.ZONE and both.ZONE
# Under TCG a program takes most of a second to start.
AT_ONCE = 5


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"allowed")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A connection that is reset before it has asked."""


def serve(address):
    server = Server((address, PORT), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def expect_fails(guest, command, *parts):
    began = time.monotonic()
    status, output = guest.try_run(command)
    took = time.monotonic() - began
    if status == 0:
        raise LabError(f"{command} did not fail:\n{output}")
    if not any(part in output for part in parts):
        raise LabError(f"{command}: none of {parts} in\n{output}")
    if took > AT_ONCE:
        raise LabError(f"{command} took {took:.1f} s")


def main():
    enter_namespace()
    for number, address in enumerate((WEB, OTHER), 1):
        namespace.add_address(address, number)
        serve(address)
    with Lab() as lab:
        sock = lab.path("lan.sock")
        dnsmasq(lab, "one", "127.0.0.1")
        # The world is this host's own, so the rule says that it may be.
        daemon = lab.usernet(
            "--netdev", "user,id=nat,dns-server=127.0.0.1,policy=sandbox,host-addresses=on,"
            f"allow=a.{ZONE}:{PORT}+private+host",
            "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={sock}")
        guest = lab.guest("box", f"stream,id=n0,addr.type=unix,addr.path={sock}")
        guest.lease()
        expect_fails(guest, f"wget -q -O - http://{WEB}:{PORT}/", "refused")
        expect(guest.fetch(f"http://a.{ZONE}:{PORT}/"), "allowed", "the page of a name")
        expect(guest.fetch(f"http://a.{ZONE}.:{PORT}/"), "allowed", "the page of a name and a dot")
        expect_fails(guest, f"wget -q -O - http://both.{ZONE}:{PORT}/", "bad address")
        expect_fails(guest, f"wget -q -O - http://{OTHER}:{PORT}/", "refused")
        expect_fails(guest, f"nslookup -type=txt secret.{ZONE}", "REFUSED", "can't find")
        # The address is open, but the request names another server.
        expect_fails(guest, f"wget -q -O - http://{WEB}:{PORT}/", "reset", "error")
        expect_fails(guest, "ping -c 1 -W 3 192.0.2.8", "100% packet loss", "prohibited",
                     "Unreachable")
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main()
