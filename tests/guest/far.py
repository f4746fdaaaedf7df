# SPDX-License-Identifier: BSD-3-Clause
"""Beyond the host's router (lib/world.py): dnsmasq and a web server with names of several zones, and
a guest's root folder with this machine's own programs."""

import os
import shlex
import shutil
import signal
import subprocess

from lab import SOURCE, LabError
from world import until_port

from lib.world import World, keep_capabilities

HERE = os.path.join(SOURCE, "tests", "guest")
SERVER = "203.0.113.53"
WEB, WEB6 = "203.0.113.10", "2001:db8:3::10"
PKG, PKG6 = "203.0.113.20", "2001:db8:3::20"
EDGE, ZERO, SHORT, SHARED = "203.0.113.30", "203.0.113.40", "203.0.113.50", "203.0.113.70"
OLD, NEW = "203.0.113.61", "203.0.113.62"
OTHER, OTHER6 = "203.0.113.99", "2001:db8:3::99"
PRIVATE, METADATA = "10.9.9.9", "169.254.169.254"
# Names that lead where no public name has business: the host's own, its loopback, and others.
REBOUND = {"host": "198.51.100.2", "loop": "127.0.0.1", "gateway": "10.0.2.2", "lan": PRIVATE,
           "cloud": METADATA}

# name: addresses, TTL
ZONE = {
    "web.world.example": ([WEB, WEB6], 30),
    "git.pkg.example": ([PKG, PKG6], 30),
    "apt.pkg.example": ([PKG, PKG6], 30),
    "a.deep.pkg.example": ([PKG, PKG6], 30),
    "pkg.example": ([PKG, PKG6], 30),
    "edge.cdn.example": ([EDGE], 30),
    "zero.world.example": ([ZERO], 0),
    "short.world.example": ([SHORT], 1),
    "one.shared.example": ([SHARED], 30),
    "two.shared.example": ([SHARED], 30),
    "other.world.example": ([OTHER, OTHER6], 30),
    **{f"{word}.rebound.example": ([address], 1) for word, address in REBOUND.items()},
}
# This one's address is in a file that changes.
MOVING = "moves.world.example"


class Far:
    """The caller's network namespace becomes the host's."""

    def __init__(self, lab):
        self.lab = lab
        self.world = World()
        lab.closing.append(self.world)
        own = {address for addresses, _ in ZONE.values() for address in addresses}
        own = own - set(REBOUND.values()) | {SERVER, OLD, NEW, PRIVATE, METADATA}
        self.world.router.run(
            "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start",
            *(f"ip addr add {a}/" + ("128 dev lo nodad" if ":" in a else "32 dev lo")
              for a in sorted(own)))
        self.hosts = lab.path("hosts")
        self.folder = lab.path("www")
        os.mkdir(self.folder)
        self.certificate, self.key = lab.path("far.pem"), lab.path("far.key")
        self._make_certificate()
        self.dns = None
        self._start()

    def _inside(self, name, *words):
        enter = ["nsenter", "-n", "-t", str(self.world.router.pid)]
        return self.lab.process(name, [*enter, *words], preexec_fn=keep_capabilities)

    def _make_certificate(self):
        names = ",".join(f"DNS:{name}" for name in [*ZONE, MOVING, "alias.world.example"])
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=far", "-addext", f"subjectAltName={names}",
             "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True)

    def _start(self):
        program = shutil.which("dnsmasq", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not program:
            raise LabError("no dnsmasq (Debian: dnsmasq-base)")
        self._write_hosts(OLD)
        self.dns = self._inside(
            "dnsmasq", program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
            "--no-hosts", "--pid-file=", "--bind-interfaces", f"--listen-address={SERVER}",
            "--local=/example/", "--local-ttl=1", f"--addn-hosts={self.hosts}", "--log-queries",
            "--log-facility=-", "--cname=alias.world.example,edge.cdn.example,30",
            *(f"--host-record={name},{','.join(found)},{ttl}"
              for name, (found, ttl) in ZONE.items()))
        self._inside("far_server", "python3", os.path.join(HERE, "far_server.py"), self.folder,
                     self.certificate, self.key)
        until_port(SERVER, 53, self.dns)
        until_port(SERVER, 7, self.dns)

    def _write_hosts(self, address):
        with open(self.hosts, "w", encoding="ascii") as file:
            file.write(f"{address} {MOVING}\n")

    def move(self, address):
        """MOVING has this address from now on."""
        self._write_hosts(address)
        self.dns.child.send_signal(signal.SIGHUP)

    def asked(self):
        """The names that dnsmasq was asked for."""
        return {line.split("] ")[1].split()[0].lower() for line in self.dns.log().split("\n")
                if ": query[" in line}


class Clients:
    """A guest with the programs of this machine: its root folder, read-only, by 9P, and empty
    folders over those that are written to. Its environment has the certificate of the far side in
    $CA, and in $CLIENTS tests/guest/clients."""

    DRIVERS = ("virtio_pci", "virtio_net", "9pnet_virtio", "9p")
    WRITTEN = ("etc", "tmp", "var", "run")

    @staticmethod
    def options(share):
        """QEMU's, for a guest whose folder /mnt is SHARE."""
        words = ["-m", "512"]
        for tag, path in (("root", "/"), ("share", share)):
            words += ["-virtfs", f"local,path={path},mount_tag={tag},security_model=none,"
                      "readonly=on,multidevs=remap"]
        return words

    def __init__(self, guest):
        self.guest = guest
        lines = ["mkdir -p /far", "share() { mount -t 9p -o trans=virtio,version=9p2000.L,ro,"
                 "msize=512000,cache=loose $1 $2; }", "share root /far"]
        lines += [f"mount -t tmpfs none /far/{name}" for name in self.WRITTEN]
        lines += ["share share /far/mnt", "mount --bind /dev /far/dev", "mount --bind /proc /far/proc",
                  "echo root:x:0:0::/tmp:/bin/sh >/far/etc/passwd", "echo root:x:0: >/far/etc/group",
                  "echo 'hosts: files dns' >/far/etc/nsswitch.conf",
                  "echo 127.0.0.1 localhost >/far/etc/hosts", "chmod 1777 /far/tmp"]
        guest.run("set -e\n" + "\n".join(lines))
        self.name_server("10.0.2.3")

    def name_server(self, address):
        self.guest.run(f"echo nameserver {address} >/far/etc/resolv.conf")

    def try_run(self, command):
        words = ["chroot", "/far", "/usr/bin/env", "-i", "PATH=/usr/bin:/bin:/usr/sbin:/sbin",
                 "HOME=/tmp", "LC_ALL=C", "CA=/mnt/far.pem", "NODE_EXTRA_CA_CERTS=/mnt/far.pem",
                 "CLIENTS=/mnt/clients", "/bin/bash", "-c", command]
        return self.guest.try_run(shlex.join(words))
