#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Firmware boots a file from the gateway's side (argv: which). UEFI runs iPXE, which says so on the
console; what U-Boot fetched it starts, or shows the size of."""

import http.server
import os
import re
import shutil
import socket
import sys
import threading
import time

from lab import Lab, LabError, expect_stopped_cleanly

BOOT_SECONDS = 240
OVMF = "/usr/share/OVMF"
APPLICATION = "/usr/lib/ipxe/snponly.efi"


class Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def serve_http(lab, folder, v6):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def log_message(self, *_):
            pass

    server = (Server6 if v6 else http.server.ThreadingHTTPServer)(
        ("::1" if v6 else "127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lab.closing.append(server)
    server.close = server.server_close
    return f"http://{'[fec0::2]' if v6 else '10.0.2.2'}:{server.server_address[1]}/boot.efi"


def wait_for(pattern, read, process):
    deadline = time.monotonic() + BOOT_SECONDS
    while not re.search(pattern, read()):
        if time.monotonic() > deadline or not process.running():
            raise LabError(f"no {pattern!r} on the console:\n{read()[-4000:]}\n{process.log()}")
        time.sleep(0.2)


def uefi(lab, kind):
    """kind: pxe4, pxe6, http4, http6. Only that way of booting is open, and only that family."""
    folder = lab.path("boot")
    os.mkdir(folder)
    shutil.copy(APPLICATION, os.path.join(folder, "boot.efi"))
    v6 = kind.endswith("6")
    words = "ipv4=off" if v6 else "ipv6=off"
    if kind.startswith("pxe"):
        words += f",tftp={folder},bootfile.x86_64-efi=boot.efi"
    else:
        words += ",bootfile.x86_64-efi-http=" + serve_http(lab, folder, v6)
    daemon = lab.usernet(
        "--log-level", "debug", "--netdev", "user,id=nat," + words, "--netdev",
        f"stream,id=lan,server=on,addr.type=unix,addr.path={lab.path('lan.sock')}")
    shutil.copy(f"{OVMF}/OVMF_VARS_4M.fd", lab.path("vars.fd"))
    console = lab.path("uefi.console")
    qemu = lab.process("uefi", [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-M", "q35", "-m", "256",
        "-accel", "kvm", "-accel", "tcg", "-display", "none", "-no-reboot",
        "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.fd",
        "-drive", f"if=pflash,format=raw,file={lab.path('vars.fd')}",
        "-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0",
        "-fw_cfg", f"name=opt/org.tianocore/IPv4PXESupport,string={'n' if v6 else 'y'}",
        "-fw_cfg", f"name=opt/org.tianocore/IPv6PXESupport,string={'y' if v6 else 'n'}",
        "-serial", f"file:{console}",
        "-device", "virtio-net-pci,netdev=n0,mac=52:54:00:12:34:61,romfile=,bootindex=1",
        "-netdev", f"stream,id=n0,addr.type=unix,addr.path={lab.path('lan.sock')}"])

    def read():
        if not os.path.exists(console):
            return ""
        with open(console, encoding="utf-8", errors="replace") as file:
            return file.read()

    wait_for("iPXE initialising devices", read, qemu)
    expect_stopped_cleanly(daemon)


def main(kind):
    with Lab() as lab:
        uefi(lab, kind)


if __name__ == "__main__":
    main(sys.argv[1])
