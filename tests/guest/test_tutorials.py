#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A section of tools/examples/README (argv: which) with real guests: all its commands as written, and
what else the section says. The host is a network namespace; 198.18.0.1 stands for the internet."""

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading

from ftp import FtpServer
from lab import KERNEL_WORDS, Lab, LabError, expect
from page import Play, Section, own_host, sections
from world import namespace

from lib.guest import StreamGuest  # after world, which knows where lib is
from lib.station import Station

PAGE = b"hello over FTP\n"
MANY = 128


def contains(text, wanted, what):
    if wanted not in text:
        raise LabError(f"{what} has no {wanted!r}:\n{text}")


def fails(guest, command):
    status, output = guest.try_run(command)
    if status == 0:
        raise LabError(f"{guest.name}: {command} succeeded:\n{output}")


def internet(lab, port=80):
    """A page on the host's own address; what its clients' addresses are is in .seen."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"the internet")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((namespace.OWN, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lab.closing.append(server)
    server.close = server.server_close


def fetches_internet(guest):
    expect(guest.fetch(f"http://{namespace.OWN}/"), "the internet", f"{guest.name}'s page")


# --- one function for each section ---

def both(lab, play):
    internet(lab)
    play.run()
    web, db = play.guests["web"], play.guests["db"]
    for guest in (web, db):
        text = guest.run("ip -4 -o address")
        contains(text, " 172.20.", "the address in the first network")
        contains(text, " 192.168.56.", "the address in the private network")
        fetches_internet(guest)
    contains(play.output[1], "192.168.56.", "the name in the private network")
    contains(play.output[2], "db", "the guests of the private network")
    # The other's private address, and its name there.
    contains(db.run("ping -c 1 $(nslookup web.usernet.internal 192.168.56.3 | "
                    "awk '/^Address: 192/ { print $2 }')"), "1 packets received", "the ping")


def user_network(lab, play):
    server = FtpServer({"/pub/page": PAGE})
    lab.closing.append(server)
    internet(lab)
    # The guest's side of ssh.
    play.before["db#"] = lambda: play.guests["web"].run(
        "echo root::0:0::/:/bin/sh >/etc/passwd; echo /bin/sh >/etc/shells; mkdir -p /etc/dropbear "
        "/dev/pts; mount -t devpts devpts /dev/pts; /usr/sbin/dropbear -R -B -E 2>/dev/ttyS0")
    play.run()
    web = play.guests["web"]
    expect(web.run("cat page").encode(), PAGE, "the file by FTP")
    expect(play.output[-1].strip().rsplit("\n", 1)[-1], "web", "the host name by ssh")
    expect(server.active_failed, 0, "active transfers")
    # What the page says of active FTP.
    answer = web.run("(sleep 1; echo USER x; echo PORT 10,0,2,15,200,1; echo RETR /pub/page; sleep 2) | "
                     "nc 10.0.2.2 21")
    contains(answer, "425 ", "the answer to an active transfer")
    fetches_internet(web)


def sockets(lab, play):
    internet(lab)
    play.run()
    for guest in play.guests.values():
        fetches_internet(guest)


def links(lab, play):
    internet(lab)
    play.run()
    a, b = play.guests["a"], play.guests["b"]
    b.ping("10.0.2.50")
    for guest in (a, b):
        guest.run("ip route add default via 10.0.2.2")
        fetches_internet(guest)


def router(lab, play):
    internet(lab)
    play.run()
    a, b = play.guests["a"], play.guests["b"]
    a.ping(b.address())
    fetches_internet(b)
    b.serve("this is b")
    expect(a.fetch(f"http://{b.address()}/"), "this is b", "b's page behind the router")


def port(_, play):
    play.run()
    expect(play.output[-1], "hello\n", "the page by the forward")
    contains(play.guests["web"].run("ls -l /sys/class/net/eth0/device/driver"), "e1000", "the driver")


def gateway(lab, play):
    internet(lab)
    play.run()
    deb1, deb2, deb3 = (play.guests[name] for name in ("deb1", "deb2", "deb3"))
    path = [line.split()[1] for line in play.output[-1].splitlines()[1:]]
    expect(path, ["192.168.10.1", "10.0.2.2", namespace.OWN], "the path from deb3")
    for guest in (deb2, deb3):
        fetches_internet(guest)
    # Without masquerading.
    deb1.run("nft delete table ip nat")
    for guest in (deb2, deb3):
        guest.ping(namespace.OWN)
        fetches_internet(guest)
    contains(deb2.run("nslookup -type=a deb1.usernet.internal 10.0.2.3"), "10.0.2.", "deb1's name")


def vlan_tool(lab, play):
    internet(lab)
    play.run()
    web, vm1, vm2 = (play.guests[name] for name in ("web", "vm1", "vm2"))
    expect(web.run("cat /sys/class/net/eth0/address"), play.output[0], "the MAC address of the name")
    expect(web.address(), "10.0.2.200", "web's static address")
    expect([play.output[4], play.output[5]], ["hello\n", "hello\n"], "the pages by IPv4 and IPv6")
    try:
        socket.create_connection((namespace.OWN, 8080), 5).close()
        raise LabError("a forward bound to an address answers at another one")
    except ConnectionRefusedError:
        pass
    # Host-only: neither the host, the internet nor the other network.
    for guest in (vm1, vm2):
        fails(guest, f"ping -c 1 -W 1 {namespace.OWN}")
        fails(guest, "ping -c 1 -W 1 10.0.2.200")
    fetches_internet(web)
    # 128 guests with a lease at once; all but one are frames of this test.
    path = os.path.join(lab.path("run"), "usernet", "default", "lan.sock")
    with contextlib.ExitStack() as stack:
        stations = []
        for _ in range(MANY - 1):
            stations.append(Station(StreamGuest.unix(path)))
            stack.callback(stations[-1].guest.close)
        for station in stations:
            station.dhcp()
        leases = json.loads(play.on_host("usernetctl --json leases"))
        bound = {lease["address"] for lease in leases if lease["state"] == "bound"}
        expect(len(bound), MANY, "addresses leased at once")


def vde(lab, play):
    internet(lab)
    play.run()
    for guest in play.guests.values():
        fetches_internet(guest)


def vlans(lab, play):
    internet(lab)
    play.run()
    fetches_internet(play.guests["web"])


def netboot(lab, play):
    folder = lab.path("switch")
    os.mkdir(folder)
    shutil.copy(lab.kernel, os.path.join(folder, "kernel"))
    shutil.copy(lab.initramfs, os.path.join(folder, "initramfs"))
    script = "".join(line + "\n" for line in play.section.script)
    with open(os.path.join(folder, "boot.ipxe"), "w", encoding="ascii") as file:
        file.write(script.replace("console=ttyS0", KERNEL_WORDS))
    play.run()
    contains(play.guests["web"].run("cat /proc/cmdline"), "initrd=initramfs", "what was booted")


def hosts(_, play):
    play.run()
    for text in play.output:
        contains(text, " 0% packet loss", "the ping across hosts")


def tap(lab, play):
    internet(lab)
    play.run()
    web = play.guests["web"]
    web.serve("this is web")
    expect(lab.fetch(f"http://{web.address()}/"), b"this is web", "web's page, from the host itself")


def segment(lab, play):
    play.run()
    web = play.guests["web"]
    expect(play.output[-1], "hello\n", "the page by enter")
    run_enter(lab, play, web)


def run_enter(lab, play, web):
    """What else enter does: ten fetches at once, two at a time, exit codes, ssh, a container."""
    web.run("head -c 1000000 /dev/urandom >/www/data")
    digest = web.run("sha1sum /www/data").split()[0]
    text = play.on_host("usernetctl enter -- sh -c 'for i in 0 1 2 3 4 5 6 7 8 9; do "
                        "curl -sS http://web/data | sha1sum & done; wait'")
    expect([line.split()[0] for line in text.splitlines()], [digest] * 10, "ten fetches at once")
    web.run("echo root::0:0::/:/bin/sh >/etc/passwd; echo /bin/sh >/etc/shells; mkdir -p /etc/dropbear "
            "/dev/pts; mount -t devpts devpts /dev/pts; /usr/sbin/dropbear -R -B -E 2>/dev/ttyS0")
    ssh = "HOME=$PWD usernetctl enter -- dbclient -y -y root@web"
    expect(play.on_host(f"{ssh} hostname"), "web\n", "the host name by ssh")
    result = subprocess.run(f"{ssh} exit 7", shell=True, cwd=lab.folder, check=False)
    expect(result.returncode, 7, "the exit status, through ssh and enter")
    # Two at once: one serves what the other fetches, and the guest too. By itself the server may
    # choose IPv4 alone, and the guest's wget tries only the first address, an IPv6 one.
    first = lab.process("first", ["usernetctl", "enter", "--hostname", "first", "--", "python3", "-m",
                                  "http.server", "--bind", "::", "8000"])
    url = "http://first:8000/"
    web.run(f"until wget -q -O /dev/null {url}; do sleep 0.2; done")
    play.on_host(f"usernetctl enter --hostname second -- curl -sS {url}")
    # A container's namespaces, made by no one of us.
    box = lab.process("box", ["unshare", "-Urn", "sleep", "1000"])
    play.on_host(f"until [ \"$(readlink /proc/{box.pid}/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ];"
                 " do sleep 0.1; done")
    text = play.on_host(f"usernetctl enter --pid {box.pid} -- curl -sS http://web/data | sha1sum")
    expect(text.split()[0], digest, "the container's fetch")
    expect(first.running(), True, "the first enter goes on")
    first.stop()
    box.kill()
    nothing_is_left(play)


def nothing_is_left(play):
    """No tap, and no process in another network namespace than ours and QEMU's."""
    play.on_host("i=0; while usernetctl netdevs | grep -q tap; do sleep 0.1; i=$((i+1)); "
                 "[ $i -lt 100 ] || exit 1; done")
    ours = os.readlink("/proc/self/ns/net")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if os.environ["XDG_RUNTIME_DIR"].encode() not in file.read():
                    continue
            expect(os.readlink(f"/proc/{pid}/ns/net"), ours, f"process {pid}'s namespace")
        except OSError:
            pass


SSH = ["/usr/sbin/dropbear", "/usr/bin/dbclient"]
NAT = ["virtio_pci", "virtio_net", "nft_chain_nat", "nft_masq"]
KINDS = {
    "both": (both, "TWO NETWORKS WITH THE SAME GUESTS ON BOTH", {}),
    "user": (user_network, "FTP, SSH AND PING BEHIND A USER NETWORK", {"programs": SSH}),
    "sockets": (sockets, "TWO GUESTS JOINED BY SOCKETS OF QEMU", {}),
    "links": (links, "TWO LINKS INTO ONE NETWORK", {}),
    "router": (router, "TWO NETWORKS, AND A GUEST AS ROUTER BETWEEN THEM", {}),
    "port": (port, "A PORT OF THE HOST INTO A GUEST", {"drivers": ["e1000"]}),
    "gateway": (gateway, "A GUEST AS GATEWAY", {"drivers": NAT, "programs": ["/usr/sbin/nft"]}),
    "many": (vlan_tool, "MANY GUESTS, STATIC NAMES, FORWARDS BOUND TO AN ADDRESS", {}),
    "enter": (segment, "THE HOST ON THE SEGMENT", {"programs": SSH}),
    "tap": (tap, "A TAP OF YOUR OWN", {}),
    "vde": (vde, "A SWITCH THAT RUNS", {}),
    "vlans": (vlans, "VLANS", {}),
    "netboot": (netboot, "BOOTING FROM THE NETWORK", {}),
    "hosts": (hosts, "GUESTS OF SEVERAL HOSTS ON ONE NETWORK", {}),
}
ELSEWHERE = {"GUESTS ON THE REAL LAN": "tests/guest/test_bridged.py"}


def main(kind):
    if kind == "page":
        expect({title for _, title, _ in KINDS.values()} | set(ELSEWHERE), set(sections()),
               "the sections that have tests")
        return
    function, title, image = KINDS[kind]
    words = {"YOU": str(os.getuid()), "FAR-HOST": "far", "NEAR-HOST": "near",
             "NEAR-ADDRESS": "192.0.2.7", "FAR-ADDRESS": "192.0.2.8"}
    section = Section(title)
    own_host(section, ["192.0.2.7", "192.0.2.8", "2001:db8::7"], words)
    with Lab() as lab:
        lab.make_image(**image)
        play = Play(lab, section, {**words, "DIR": lab.path("switch")})
        function(lab, play)
        play.end()


if __name__ == "__main__":
    main(sys.argv[1])
