#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A newcomer's first hour, step by step: README's commands as written, and the habits of -netdev
user."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

from lab import SOURCE, Lab, LabError, expect, expect_stopped_cleanly, free_port
from world import ZONE, dnsmasq, enter_namespace, namespace

BUILD_SECONDS = 600
QEMUS_MAC = "52:54:00:12:34:56"  # of every guest that has none (QEMU net/net.c)


def printed_line(daemon, number=0):
    """(netdev, mac) from a line that the daemon printed for QEMU; with the lab's id=."""
    lines = re.findall(r"^ *-netdev (\S+) -device \S+,mac=(\S+)$", daemon.log(), re.MULTILINE)
    if len(lines) <= number:
        raise LabError(f"no line for QEMU is printed:\n{daemon.log()}")
    netdev, mac = lines[number]
    return netdev.replace("id=net0", "id=n0"), mac


def printed_guest(lab, daemon, name, number=0):
    netdev, mac = printed_line(daemon, number)
    return lab.guest(name, netdev, mac=mac)


def run_shell(command, seconds, **options):
    result = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
                            **options)
    if result.returncode != 0:
        raise LabError(f"{command}: status {result.returncode}\n{result.stdout}")
    return result.stdout


def until_ready(lab, name, words, folder):
    """Starts the program, waits for its network and ends it."""
    process = lab.process(name, ["sh", "-c", 'cd "$0" && exec "$@"', folder, *words])
    deadline = time.monotonic() + 30
    while "is ready" not in process.log():
        if not process.running() or time.monotonic() > deadline:
            raise LabError(f"{shlex.join(words)} is not ready:\n{process.log()}")
        time.sleep(0.1)
    expect_stopped_cleanly(process)


def quickstart(lab):
    """tools/quickstart --exit shows all, and its last line starts a network."""
    kernel = os.environ.get("USERNET_GUEST_KERNEL_ROOT")
    folder = f"/var/tmp/usernet-{os.getuid()}/quickstart"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if kernel and not os.path.exists(os.path.join(folder, "kernel")):
        os.symlink(kernel, os.path.join(folder, "kernel"))
    text = run_shell(os.path.join(SOURCE, "tools", "quickstart") + " --exit", BUILD_SECONDS)
    for word in ("usernet: all shown", "the guest is off"):
        if word not in text:
            raise LabError(f"quickstart does not say '{word}':\n{text}")
    last = text.rstrip("\n").rsplit("\n", 1)[1]
    until_ready(lab, "last-line", shlex.split(last), lab.folder)


def by_hand_lines():
    with open(os.path.join(SOURCE, "README"), encoding="utf-8") as file:
        text = file.read().split("\nBy hand:\n", 1)[1]
    lines = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("    "):
            break
        if line.strip():
            lines.append(line.strip())
    return lines


def by_hand(lab):
    """README's lines as written; packages are installed already."""
    source = lab.path("source")
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns(".git", "build*", "__pycache__"))
    install, *build, program = by_hand_lines()
    expect(install.startswith("apt install "), True, "README's first line by hand")
    for line in build:
        run_shell(line, BUILD_SECONDS, cwd=source)
    until_ready(lab, "by-hand", shlex.split(program), source)


def moved_over(lab):
    """The text after -netdev goes after --netdev, and the guest uses the printed line."""
    port = free_port()
    daemon = lab.usernet("--netdev", f"user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:80")
    expect("--no-default-netdevs" in daemon.log(), True, "the default netdevs are announced")
    guests = [printed_guest(lab, daemon, f"guest{i}", i) for i in range(3)]
    for guest in guests:
        guest.lease()
    expect(guests[0].address(), "10.0.2.15", "the first guest's address, as with -netdev user")
    guests[0].serve("moved over")
    expect(lab.fetch(f"http://127.0.0.1:{port}/"), b"moved over", "the page by hostfwd")
    for guest in guests[1:]:
        expect(guest.fetch("http://10.0.2.15/"), "moved over", "the page, of another guest")
    expect_stopped_cleanly(daemon)


def restart(lab):
    """The guest of the printed line gets link and lease back when usernet is restarted."""
    port = free_port()
    user = f"user,id=nat,hostfwd=tcp:127.0.0.1:{port}-:80"
    daemon = lab.usernet("--netdev", user)
    guest = printed_guest(lab, daemon, "guest")
    address = guest.lease()
    guest.serve("still here")
    expect(lab.fetch(f"http://127.0.0.1:{port}/"), b"still here", "the page before")
    for how in ("stop", "kill"):
        getattr(daemon, how)()
        daemon = lab.usernet("--netdev", user)
        # Before the guest sends anything: its link was dialled.
        expect(lab.fetch(f"http://127.0.0.1:{port}/"), b"still here", "the page after")
        guest.ping("10.0.2.2")
        expect(guest.lease(), address, "the address after")
    expect_stopped_cleanly(daemon)


def run(lab):
    """usernetctl run starts the network and moves a user netdev over; the link comes back."""
    port = free_port()
    name = f"{lab.word}-run"
    ctl = [os.environ["USERNETCTL"], "--name", name]
    os.environ.setdefault("USERNET", "usernet")
    guest = lab.guest("web", f"user,id=n0,hostfwd=tcp:127.0.0.1:{port}-:80", mac=None,
                      before=[*ctl, "run", "--guest", "web", "--"])
    try:
        address = guest.lease()
        guest.serve("run by usernetctl")
        expect(lab.fetch(f"http://127.0.0.1:{port}/"), b"run by usernetctl", "the page")
        expect(guest.run("cat /sys/class/net/eth0/address").strip(),
               run_shell(shlex.join([*ctl, "mac", "web"]), 30).strip(), "the MAC address")
        for how in (signal.SIGTERM, signal.SIGKILL):
            pid = json.loads(run_shell(shlex.join([*ctl, "--json", "status"]), 30))["pid"]
            os.kill(pid, how)
            run_shell(f"while kill -0 {pid}; do sleep 0.1; done", 30)
            run_shell(f'"$USERNET" --name {name} --daemon --guest web >/dev/null', 30)
            guest.ping("10.0.2.2")
            expect(guest.lease(), address, "the address after a restart")
    finally:
        subprocess.run([*ctl, "quit"], check=False)


def no_mac(lab):
    """Two guests without mac= share one MAC: the log says so."""
    daemon = lab.usernet()
    netdev = f"stream,id=n0,addr.type=unix,addr.path={lab.run_dir('usernet')}/lan.sock"
    guests = [lab.guest(name, netdev, mac=None, wait=False) for name in ("one", "two")]
    for guest in guests:
        guest.wait_boot()
        guest.lease()
    for _ in range(5):
        for guest in guests:
            guest.try_run("ping -c 1 -W 1 10.0.2.2")
    if not re.search(f"warning: .*{QEMUS_MAC}", daemon.log()):
        raise LabError(f"nothing is said of two guests with {QEMUS_MAC}:\n{daemon.log()}")
    expect_stopped_cleanly(daemon)


def resolv_conf(server):
    """As NetworkManager and openvpn's scripts do: a new file is moved over the old one."""
    with open("/etc/resolv.conf.new", "w", encoding="ascii") as file:
        file.write(f"nameserver {server}\n")
    os.rename("/etc/resolv.conf.new", "/etc/resolv.conf")


def until_served_by(guest, name):
    deadline = time.monotonic() + 20
    while True:
        _, text = guest.try_run(f"nslookup -type=txt who.{ZONE}")
        if f'"{name}"' in text:
            return
        if time.monotonic() > deadline:
            raise LabError(f"the name server is not {name}:\n{text}")
        time.sleep(0.5)


def vpn(lab):
    """A VPN comes and goes: resolv.conf changes, and guests resolve its names."""
    dnsmasq(lab, "home", "127.0.0.1")
    namespace.add_address("198.18.5.1", 1)
    dnsmasq(lab, "vpn", "198.18.5.1")
    resolv_conf("127.0.0.1")
    daemon = lab.usernet()
    guest = printed_guest(lab, daemon, "guest")
    guest.lease()
    for name, server in (("home", "127.0.0.1"), ("vpn", "198.18.5.1"), ("home", "127.0.0.1")):
        resolv_conf(server)
        until_served_by(guest, name)
    expect_stopped_cleanly(daemon)


def own_etc():
    """Network and mount namespaces in which the test may change /etc."""
    kept = ["ld.so.cache", "passwd", "group", "nsswitch.conf", "alternatives", "ld.so.conf",
            "ld.so.conf.d", "hosts"]
    enter_namespace(namespace.NEWNS)
    place = f"/tmp/usernet-etc-{os.getpid()}"
    os.mkdir(place, 0o700)
    for name in kept:
        if os.path.exists(os.path.join("/etc", name)):
            run_shell(f"cp -a /etc/{name} {place}/", 30)
    namespace.mount_disk("/etc", "8m")
    run_shell(f"cp -a {place}/. /etc/ && rm -rf {place}", 30)


STEPS = {"quickstart": quickstart, "by-hand": by_hand, "moved-over": moved_over,
         "restart": restart, "run": run, "no-mac": no_mac, "vpn": vpn}


def main():
    if sys.argv[1] == "vpn":
        own_etc()
    with Lab() as lab:
        STEPS[sys.argv[1]](lab)


if __name__ == "__main__":
    main()
