#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""iPXE in QEMU's own ROM takes a lease with boot options from us, fetches the script they name, and
boots kernel and initramfs the same way (argv): by tftp, by http from a server of the host, or from the
gateway's own http=. What it was told it tells a web server. The Linux it booted then gets the same
address."""

import http.server
import os
import shutil
import sys
import threading
import urllib.parse

from lab import KERNEL_WORDS, Lab, LabError, expect, expect_stopped_cleanly

SETTINGS = ["ip", "netmask", "gateway", "dns", "domain", "next-server", "filename"]


class BootServer:
    """On the host's loopback, serves one folder and notes what was asked for."""

    def __init__(self, folder):
        self.asked = []
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=folder)

            def do_GET(self):
                asked.append(self.path)
                if not self.path.startswith("/told"):
                    super().do_GET()
                    return
                self.send_response(200)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"noted")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def told(self):
        """The script's request to /told."""
        for path in self.asked:
            if path.startswith("/told?"):
                return dict(urllib.parse.parse_qsl(path.split("?", 1)[1], keep_blank_values=True))
        raise LabError(f"the script did not run; asked for was {self.asked}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def main(kind):
    with Lab() as lab:
        lab.make_image()
        folder = lab.path("boot")
        os.mkdir(folder)
        shutil.copy(lab.kernel, os.path.join(folder, "kernel"))
        shutil.copy(lab.initramfs, os.path.join(folder, "initramfs"))
        web = BootServer(folder)
        lab.closing.append(web)
        base = {"tftp": "tftp://10.0.2.2/", "http": f"http://10.0.2.2:{web.port}/",
                "gateway": "http://10.0.2.2/"}[kind]
        told = "&".join(f"{name}=${{net0/{name}}}" for name in SETTINGS)
        with open(os.path.join(folder, "script.ipxe"), "w", encoding="ascii") as file:
            file.write(f"#!ipxe\nimgfetch http://10.0.2.2:{web.port}/told?{told} ||\nimgfree\n"
                       f"kernel {base}kernel {KERNEL_WORDS} initrd=initramfs\n"
                       f"initrd {base}initramfs\nboot\n")
        user = {"tftp": f"tftp={folder},bootfile=script.ipxe",
                "http": f"bootfile={base}script.ipxe",
                "gateway": f"http={folder},bootfile={base}script.ipxe"}[kind]
        daemon = lab.usernet(
            "--netdev", "user,id=nat," + user, "--netdev",
            f"stream,id=lan,server=on,addr.type=unix,addr.path={lab.path('lan.sock')}")
        guest = lab.guest("guest", f"stream,id=n0,addr.type=unix,addr.path={lab.path('lan.sock')}",
                          netboot=True)

        said = web.told()
        expect({name: said[name] for name in SETTINGS if name != "next-server"}, {
            "ip": "10.0.2.15", "netmask": "255.255.255.0", "gateway": "10.0.2.2",
            "dns": "10.0.2.3", "domain": "usernet.internal",
            "filename": "script.ipxe" if kind == "tftp" else base + "script.ipxe",
        }, "what iPXE was told")
        if kind == "tftp":
            expect(said["next-server"], "10.0.2.2", "where TFTP is")
        fetched = [path for path in web.asked if not path.startswith("/told")]
        expect(fetched, [] if kind != "http" else ["/script.ipxe", "/kernel", "/initramfs"],
               "files fetched by HTTP")
        expect(guest.lease(), "10.0.2.15", "the address the firmware had")
        guest.ping("10.0.2.2")
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main(sys.argv[1])
