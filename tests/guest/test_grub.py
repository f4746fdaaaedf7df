#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""UEFI fetches GRUB from the gateway by TFTP. GRUB takes a lease of its own, reads its configuration
and boots kernel and initramfs, by TFTP or by HTTP (argv). The Linux it booted then gets the same
address.

GRUB 2.06 speaks HTTP with port 80 only: a guestfwd leads there to the web server.
"""

import os
import shutil
import subprocess
import sys

from lab import KERNEL_WORDS, Lab, LabError, expect, expect_stopped_cleanly
from test_firmware import BOOT_SECONDS, OVMF
from test_ipxe import BootServer

MODULES = ["efinet", "net", "tftp", "http", "normal", "configfile", "linux", "echo"]
WEB = "10.0.2.100"
MAC = "52:54:00:12:34:01"


def make_grub(lab, path, device):
    """A GRUB that asks DHCP for its address, and then reads grub.cfg from DEVICE."""
    with open(lab.path("early.cfg"), "w", encoding="ascii") as file:
        file.write(f"net_bootp\nset root={device}\nset prefix=({device})/\n"
                   f"configfile ({device})/grub.cfg\n")
    subprocess.run(["grub-mkimage", "-O", "x86_64-efi", "-p", "/", "-c", lab.path("early.cfg"),
                    "-o", path, *MODULES], check=True)


def main(kind):
    with Lab() as lab:
        lab.make_image()
        folder = lab.path("boot")
        tftp = lab.path("tftp")
        for path in (folder, tftp):
            os.mkdir(path)
        shutil.copy(lab.kernel, os.path.join(folder, "kernel"))
        shutil.copy(lab.initramfs, os.path.join(folder, "initramfs"))
        with open(os.path.join(folder, "grub.cfg"), "w", encoding="ascii") as file:
            file.write(f"linux /kernel {KERNEL_WORDS}\ninitrd /initramfs\nboot\n")
        web = BootServer(folder)
        lab.closing.append(web)
        if kind == "tftp":
            tftp = folder
        make_grub(lab, os.path.join(tftp, "grub.efi"),
                  {"tftp": "tftp,10.0.2.2", "http": f"http,{WEB}"}[kind])
        shutil.copy(f"{OVMF}/OVMF_VARS_4M.fd", lab.path("vars.fd"))
        daemon = lab.usernet(
            "--netdev", f"user,id=nat,ipv6=off,tftp={tftp},bootfile.x86_64-efi=grub.efi,"
            f"guestfwd=tcp:{WEB}:80-tcp:127.0.0.1:{web.port}",
            "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={lab.path('lan.sock')}")
        guest = lab.guest(
            "guest", f"stream,id=n0,addr.type=unix,addr.path={lab.path('lan.sock')}", netboot=True,
            devices=[f"virtio-net-pci,netdev=n0,mac={MAC},romfile=,bootindex=1"],
            extra=["-m", "512",
                   "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.fd",
                   "-drive", f"if=pflash,format=raw,file={lab.path('vars.fd')}"], wait=False)
        try:
            guest.wait_boot(BOOT_SECONDS)
        except LabError:
            with open(lab.path("guest.console"), encoding="utf-8", errors="replace") as file:
                print(file.read()[-2000:], web.asked)
            raise
        expect([path for path in web.asked if path != "/grub.cfg"],
               [] if kind == "tftp" else ["/kernel", "/initramfs"], "files fetched by HTTP")
        expect(guest.lease(), "10.0.2.15", "the address the firmware had")
        guest.ping("10.0.2.2")
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main(sys.argv[1])
