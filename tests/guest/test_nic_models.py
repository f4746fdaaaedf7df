#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A guest has two cards of one QEMU model (argv): one on QEMU's user netdev, one on ours. On each card
in turn it takes a lease, pings the gateway, fetches 8 MB from the host and sends 8 MB to the host, and
the data arrives unchanged. On our card the driver counts at most as many errors as on the other, plus
1 % of the frames. The test is skipped if QEMU lacks the model or no kernel has a driver for it.

Not tested: ne2k_isa (Debian's kernel has no driver), pvrdma and rocker (not plain network cards), and
cards of other machines than x86.
"""

import hashlib
import os
import random
import shlex
import socket
import subprocess
import sys
import threading
import time

from lab import Lab, LabError, expect, expect_stopped_cleanly

SIZE = int(os.environ.get("USERNET_NIC_SIZE", 8 * 1000 * 1000))
SECONDS = 200
SKIPPED = 77
MACS = {"user": "52:54:00:12:34:01", "usernet": "52:54:00:12:34:02"}
# Times vary on a busy machine, so only a large difference fails.
MUCH_SLOWER, SECONDS_FREE = 3, 2
NO_ERRORS = ("rx_packets", "rx_bytes", "rx_compressed")
ERRORS_ALLOWED = 0.01  # of the frames received

E100 = ["e100"]
DRIVERS = {
    "e1000": ["e1000"],
    "e1000-82544gc": ["e1000"],
    "e1000-82545em": ["e1000"],
    "e1000e": ["e1000e"],
    "igb": ["igb"],
    "i82550": E100,
    "i82551": E100,
    "i82557a": E100,
    "i82557b": E100,
    "i82557c": E100,
    "i82558a": E100,
    "i82558b": E100,
    "i82559a": E100,
    "i82559b": E100,
    "i82559c": E100,
    "i82559er": E100,
    "i82562": E100,
    "i82801": E100,
    "ne2k_pci": ["ne2k_pci"],
    "pcnet": ["pcnet32"],
    "rtl8139": ["8139cp"],
    "tulip": ["tulip"],
    "usb-net": ["xhci_pci", "cdc_ether"],
    "virtio-net-pci": ["virtio_pci", "virtio_net"],
    "virtio-net-pci-non-transitional": ["virtio_pci", "virtio_net"],
    "virtio-net-pci-transitional": ["virtio_pci", "virtio_net"],
    "vmxnet3": ["vmxnet3"],
}


class Sink:
    """A server on the host's loopback that hashes what each connection sends."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.got = []  # (sha1, seconds) of each
        self.ended = threading.Semaphore(0)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            begin = time.monotonic()
            digest = hashlib.sha1()
            with peer:
                while data := peer.recv(1 << 20):
                    digest.update(data)
            self.got.append((digest.hexdigest(), time.monotonic() - begin))
            self.ended.release()

    def last(self):
        if not self.ended.acquire(timeout=SECONDS):
            raise LabError("the host did not get the end of what the guest sent")
        return self.got[-1]

    def close(self):
        self.listener.close()


def interface_of(guest, mac):
    """Wait for the interface with this MAC, and return its name; usb-net sets the first byte."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for line in guest.run("cd /sys/class/net && grep -H '' */address").split():
            name, address = line.split("/address:")
            if address.endswith(mac[3:]):
                return name
        time.sleep(0.5)
    raise LabError(f"no interface has {mac}: {guest.run('dmesg | tail -n 40; ip link')}")


def counters(guest, interface):
    """The driver's counts of frames received, and of errors."""
    text = guest.run(f"cd /sys/class/net/{interface}/statistics && grep '' rx_* tx_*errors tx_dropped")
    return {name: int(value) for name, value in (line.split(":") for line in text.split())}


def timed(work):
    begin = time.monotonic()
    return work(), time.monotonic() - begin


def exercise(guest, interface, web, sink, sha1):
    """Use one card; return ({way: seconds}, the driver's counts)."""
    guest.run(f"ip link set {interface} up")
    guest.run(f"udhcpc -i {interface} -n -q -t 15 -T 1")
    guest.run("ping -c 3 -W 5 10.0.2.2")
    _, down = timed(lambda: guest.run(
        f"timeout {SECONDS} wget -q -O /data http://10.0.2.2:{web.port}/data", SECONDS))
    expect(guest.run("sha1sum /data").split()[0], sha1, "what came down")
    print(f"after the fetch: {errors(counters(guest, interface))}")
    guest.run(f"timeout {SECONDS} nc 10.0.2.2 {sink.port} </data", SECONDS)
    came, up = sink.last()
    expect(came, sha1, "what went up")
    counted = counters(guest, interface)
    guest.run(f"rm /data; ip address flush dev {interface}; ip link set {interface} down")
    return {"down": down, "up": up}, counted


def errors(counted):
    return {key: value for key, value in counted.items()
            if value and key not in NO_ERRORS} or "no errors"


def tell(model, name, times, counted):
    print(f"{model} {name}: " + " ".join(f"{way} {taken:.2f} s" for way, taken in times.items())
          + f" rx_packets {counted['rx_packets']} " + str(errors(counted)), flush=True)


def compare(model, user, ours):
    for key, value in ours[1].items():
        allowed = user[1][key] + int(ERRORS_ALLOWED * ours[1]["rx_packets"])
        if key not in NO_ERRORS and value > allowed:
            raise LabError(f"{model}: {key} {value}, with user {user[1][key]}")
    for way, taken in ours[0].items():
        print(f"{model} {way}: {taken / user[0][way]:.2f} times user's time", flush=True)
        if taken > MUCH_SLOWER * user[0][way] + SECONDS_FREE:
            raise LabError(f"{model} {way}: {taken:.2f} s, with user {user[0][way]:.2f} s")


def require(lab, model):
    known = subprocess.run(["qemu-system-x86_64", "-device", "help"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout
    if f'name "{model}"' not in known:
        print(f"this QEMU has no {model}")
        sys.exit(SKIPPED)
    try:
        lab.make_image(DRIVERS[model])
    except subprocess.CalledProcessError:
        print(f"no kernel here has a driver for {model}")
        sys.exit(SKIPPED)


def device(model, netdev, mac):
    rom = "" if model in ("usb-net", "ne2k_isa") else ",romfile="
    return f"{model},netdev={netdev},mac={mac}{rom}"


def main(model):
    data = random.Random(SIZE).randbytes(SIZE)
    sha1 = hashlib.sha1(data).hexdigest()
    with Lab() as lab:
        require(lab, model)
        lan = lab.path("lan.sock")
        web, sink = lab.web_server(data=data), Sink()
        lab.closing.append(sink)
        daemon = lab.usernet("--netdev", "user,id=nat", "--netdev",
                             f"stream,id=lan,server=on,addr.type=unix,addr.path={lan}")
        guest = lab.guest(
            "guest", ["user,id=n0", f"stream,id=n1,server=off,addr.type=unix,addr.path={lan}"],
            extra=shlex.split(os.environ.get("USERNET_NIC_QEMU", "")),
            devices=(["qemu-xhci"] if model == "usb-net" else [])
            + [device(model, "n0", MACS["user"]), device(model, "n1", MACS["usernet"])])
        results = {}
        for name, mac in MACS.items():
            results[name] = exercise(guest, interface_of(guest, mac), web, sink, sha1)
            tell(model, name, *results[name])
        compare(model, results["user"], results["usernet"])
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main(sys.argv[1])
