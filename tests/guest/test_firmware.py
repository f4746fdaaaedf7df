#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Firmware boots a file from the gateway's side (argv: which). UEFI runs iPXE, which prints to the
console; U-Boot runs a script and fetches the file that DHCP named; Open Firmware (SLOF) and s390x
fetch that file and reject it as not a program. tests/guest/test_grub.py and test_ipxe.py boot Linux."""

import http.server
import os
import re
import shutil
import socket
import struct
import sys
import threading
import time
import zlib

from lab import Lab, LabError, expect_stopped_cleanly

BOOT_SECONDS = 240
OVMF = "/usr/share/OVMF"
APPLICATION = "/usr/lib/ipxe/snponly.efi"
NAMED_SIZE = 70 * 1024


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


class Console:
    """A network, and QEMU's serial port beside it; type() is its keyboard."""

    def __init__(self, lab, options, program, *words):
        lan = f"unix,addr.path={lab.path('lan.sock')}"
        self.path = lab.path("firmware.console")
        self.daemon = lab.usernet("--log-level", "debug", "--netdev", "user,id=nat," + options,
                                  "--netdev", f"stream,id=lan,server=on,addr.type={lan}")
        self.keyboard, theirs = socket.socketpair()
        lab.closing.append(self.keyboard)
        self.qemu = lab.process("firmware", [
            program, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "512",
            "-chardev", f"socket,id=console,fd={theirs.fileno()},logfile={self.path}",
            "-serial", "chardev:console", "-netdev", f"stream,id=n0,addr.type={lan}", *words],
            [theirs.fileno()])
        theirs.close()
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        """QEMU waits while nobody reads its console."""
        try:
            while self.keyboard.recv(1 << 16):
                pass
        except OSError:
            pass

    def type(self, text):
        self.keyboard.sendall(text.encode())

    def read(self):
        if not os.path.exists(self.path):
            return ""
        with open(self.path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def expect(self, pattern):
        deadline = time.monotonic() + BOOT_SECONDS
        while not re.search(pattern, self.read()):
            if time.monotonic() > deadline or not self.qemu.running():
                raise LabError(f"no {pattern!r} on the console:\n{self.read()[-4000:]}\n"
                               f"{self.qemu.log()}")
            time.sleep(0.2)


def uefi(lab, folder, way):
    """way: pxe4, pxe6; http4, http6 from a server of the host; gateway4, gateway6 from the gateway's.
    Only that way of booting is open, and only that family."""
    shutil.copy(APPLICATION, os.path.join(folder, "boot.efi"))
    shutil.copy(f"{OVMF}/OVMF_VARS_4M.fd", lab.path("vars.fd"))
    v6 = way.endswith("6")
    options = "ipv4=off" if v6 else "ipv6=off"
    if way.startswith("pxe"):
        options += f",tftp={folder},bootfile.x86_64-efi=boot.efi"
    elif way.startswith("gateway"):
        host = "[fec0::2]" if v6 else "10.0.2.2"
        options += f",restrict=on,http={folder},bootfile.x86_64-efi-http=http://{host}/boot.efi"
    else:
        options += ",bootfile.x86_64-efi-http=" + serve_http(lab, folder, v6)
    may = {family: "y" if way == "pxe" + family else "n" for family in "46"}
    console = Console(
        lab, options, "qemu-system-x86_64", "-M", "q35", "-accel", "kvm", "-accel", "tcg",
        "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.fd",
        "-drive", f"if=pflash,format=raw,file={lab.path('vars.fd')}",
        "-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0",
        "-fw_cfg", f"name=opt/org.tianocore/IPv4PXESupport,string={may['4']}",
        "-fw_cfg", f"name=opt/org.tianocore/IPv6PXESupport,string={may['6']}",
        "-device", "virtio-net-pci,netdev=n0,romfile=,bootindex=1")
    console.expect("iPXE initialising devices")
    return console


def script_image(script):
    """U-Boot's image of a script (its image.h: legacy header, then sizes ended by 0)."""
    data = struct.pack(">II", len(script), 0) + script
    header = struct.pack(">7I4B32s", 0x27051956, 0, 0, len(data), 0, 0, zlib.crc32(data), 5, 22, 6,
                         0, b"script")
    return header[:4] + struct.pack(">I", zlib.crc32(header)) + header[8:] + data


U_BOOT = {
    "arm64": ("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "-bios",
              "/usr/lib/u-boot/qemu_arm64/u-boot.bin", "-device",
              "virtio-net-pci,netdev=n0,romfile="),
    "x86_64": ("qemu-system-x86_64", "-M", "pc", "-bios", "/usr/lib/u-boot/qemu-x86_64/u-boot.rom",
               "-device", "e1000,netdev=n0,romfile="),
    "riscv64": ("qemu-system-riscv64", "-M", "virt", "-bios",
                "/usr/lib/u-boot/qemu-riscv64/u-boot.bin", "-device",
                "virtio-net-device,netdev=n0"),
    # Its eTSEC drops frames shorter than 60 bytes.
    "ppce500": ("qemu-system-ppc", "-M", "ppce500", "-bios",
                "/usr/lib/u-boot/qemu-ppce500/uboot.elf", "-device", "eTSEC,netdev=n0"),
}


def u_boot(lab, folder, machine):
    with open(os.path.join(folder, "boot.scr.uimg"), "wb") as file:
        file.write(script_image(b"echo started what was fetched\n"))
    console = Console(lab, f"tftp={folder},bootfile=named", *U_BOOT[machine])
    if machine == "ppce500":
        # It does not boot from the network by itself.
        console.expect("stop autoboot")
        console.type("\n")
        console.expect("=> ")
        console.type("dhcp; tftpboot 0x3000000 boot.scr.uimg; source 0x3000000\n")
    console.expect("(?m)^started what was fetched")
    console.expect(f"Bytes transferred = {NAMED_SIZE}")
    return console


def slof(lab, folder, family):
    """Over IPv6 it asks by INFORMATION-REQUEST for the boot file."""
    options = {"4": "ipv6=off", "6": "ipv4=off"}[family]
    console = Console(lab, f"{options},tftp={folder},bootfile=named", "qemu-system-ppc64", "-M",
                      "pseries", "-boot", "n", "-device", "virtio-net-pci,netdev=n0,romfile=")
    console.expect(f"TFTP: Received named \\({NAMED_SIZE // 1024} KBytes\\)")
    return console


def s390x(lab, folder, _):
    console = Console(lab, f"tftp={folder},bootfile=named", "qemu-system-s390x", "-M",
                      "s390-ccw-virtio", "-device", "virtio-net-ccw,netdev=n0,bootindex=1")
    console.expect(f"TFTP: Received named \\({NAMED_SIZE // 1024} KBytes\\)")
    return console


KINDS = {"uefi": uefi, "u-boot": u_boot, "slof": slof, "s390x": s390x}


def main(kind, which):
    with Lab() as lab:
        folder = lab.path("boot")
        os.mkdir(folder)
        with open(os.path.join(folder, "named"), "wb") as file:
            file.write(bytes(NAMED_SIZE))
        expect_stopped_cleanly(KINDS[kind](lab, folder, which).daemon)


if __name__ == "__main__":
    main(*sys.argv[1].split("."))
