#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Forwards into real guests, in every form there is: TCP, UDP and unix sockets, IPv4 and IPv6, a
range, by name and by address, port 0; added and removed while a session flows on; usernetctl connect
with 100 MB each way."""

import hashlib
import json
import os
import random
import re
import socket
import subprocess
import threading
import time

from lab import Lab, LabError, expect, expect_stopped_cleanly, free_port

BULK = int(os.environ.get("USERNET_CONNECT_SIZE", "100000000"))
CHUNK = 1 << 16


def ctl(lab, daemon, *words):
    """usernetctl's output."""
    result = subprocess.run([os.environ["USERNETCTL"], "--name", f"{lab.word}-{daemon.name}", *words],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                            check=False)
    if result.returncode != 0:
        raise LabError(f"usernetctl {' '.join(words)}: {result.stderr}")
    return result.stdout


class Session:
    """A shell in the guest behind a forward, line by line."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.socket.settimeout(60)
        self.file = self.socket.makefile("rwb")

    def says(self, command, wanted):
        self.file.write(command.encode() + b"\n")
        self.file.flush()
        expect(self.file.readline().decode().strip(), wanted, f"session: {command}")

    def close(self):
        """Half-close: the shell sees the end, and so do we."""
        self.socket.shutdown(socket.SHUT_WR)
        expect(self.file.read(), b"", "what comes after the session's end")
        self.socket.close()


def page(family, address):
    """GET / over any stream socket, with HTTP/1.0: the end is the end."""
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(60)
        client.connect(address)
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while data := client.recv(CHUNK):
            answer += data
    return answer.split(b"\r\n\r\n", 1)[-1].decode()


def echo(family, address, text):
    """A datagram and its answer; repeated, as the guest may be slow to serve."""
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        for _ in range(30):
            client.sendto(text, address)
            try:
                data, sender = client.recvfrom(CHUNK)
            except TimeoutError:
                continue
            expect(data, text, "the datagram's echo")
            expect(sender[:2], address[:2], "who the echo is from")
            return
    raise LabError(f"no echo from {address}")


def free_range(count):
    """The first of n consecutive free ports, below the kernel's ephemeral ones."""
    for _ in range(1000):
        first = random.randrange(10000, 30000)
        try:
            held = [socket.create_server(("127.0.0.1", first + n)) for n in range(count)]
        except OSError:
            continue
        for one in held:
            one.close()
        return first
    raise LabError(f"no {count} free ports in a row")


def serve(lab, guest, name):
    """A page, a shell and an echo by TCP, three more pages, and an echo by UDP."""
    guest.serve(f"this is {name}")
    guest.run("nc -ll -p 2323 -e sh 2>/dev/null & nc -ll -p 9000 -e cat & "
              "for port in 8000 8001 8002; do mkdir -p /www$port; printf %s port$port "
              ">/www$port/index.html; httpd -p $port -h /www$port; done")
    guest.run(f"wget -q http://10.0.2.2:{lab.files.port}/data -O /udp_echo && chmod +x /udp_echo")
    guest.run("/udp_echo 7000 >/dev/null 2>&1 &")


def add(lab, daemon, rule):
    ctl(lab, daemon, "hostfwd", "add", rule)


def wait_for_shell(guest):
    guest.run("until nc 127.0.0.1 2323 </dev/null; do sleep 0.1; done")


def connect_carries(lab, daemon, size):
    """SIZE bytes to the guest and back through usernetctl connect, both ways at once."""
    words = [os.environ["USERNETCTL"], "--name", f"{lab.word}-{daemon.name}", "connect", "web", "9000"]
    sent, got = hashlib.sha256(), hashlib.sha256()
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        def send():
            rng, left = random.Random(size), size
            while left > 0:
                data = rng.randbytes(min(CHUNK, left))
                sent.update(data)
                child.stdin.write(data)
                left -= len(data)
            child.stdin.close()

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        count = 0
        while data := child.stdout.read1(CHUNK):
            got.update(data)
            count += len(data)
        sender.join(60)
        expect(child.wait(60), 0, "usernetctl connect's status")
    expect((count, got.hexdigest()), (size, sent.hexdigest()), "what connect brought back")


def main():
    with Lab() as lab:
        ports = {name: free_port() for name in ("shell", "page", "back")}
        ports["udp"], ports["udp6"] = (free_port(socket.SOCK_DGRAM) for _ in range(2))
        first, unix = free_range(3), lab.path("web.sock")
        # Rules by name listen before their guest was seen.
        daemon = lab.usernet(
            "--guest", "web,mac=52:54:00:12:34:01", "--guest", "db,mac=52:54:00:12:34:02,ip=10.0.2.50",
            "--netdev", f"user,id=nat,hostfwd=tcp:127.0.0.1:{ports['shell']}-web:2323,"
            f"hostfwd=tcp:127.0.0.1:{first}..{first + 2}-web:8000..8002,"
            f"hostfwd=udp:127.0.0.1:{ports['udp']}-web:7000,hostfwd=unix:[{unix}]-web:80",
            "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={lab.path('lan.sock')}")
        with open(os.environ["UDP_ECHO"], "rb") as file:
            lab.files = lab.web_server(data=file.read())
        netdev = f"stream,id=n0,addr.type=unix,addr.path={lab.path('lan.sock')}"
        web, db = lab.guest("web", netdev), lab.guest("db", netdev)
        for guest in (web, db):
            guest.lease()
            serve(lab, guest, guest.name)
        expect(db.address(), "10.0.2.50", "db's reserved address")

        wait_for_shell(web)
        session = Session(ports["shell"])
        session.says("echo $((6 * 7))", "42")

        add(lab, daemon, f"tcp:127.0.0.1:{ports['page']}-db:80")
        expect(page(socket.AF_INET, ("127.0.0.1", ports["page"])), "this is db", "db's page by name")
        for n in range(3):
            expect(page(socket.AF_INET, ("127.0.0.1", first + n)), f"port{8000 + n}", "a range's page")
        expect(page(socket.AF_UNIX, unix), "this is web", "web's page by unix socket")
        session.says("echo still here", "still here")

        add(lab, daemon, "tcp:127.0.0.1:0-10.0.2.50:80")
        rows = json.loads(ctl(lab, daemon, "--json", "forwards"))
        chosen = [row for row in rows if "10.0.2.50:80" in json.dumps(row)]
        expect(len(chosen), 1, f"forwards to 10.0.2.50:80 in {rows}")
        found = re.search(r"127\.0\.0\.1:(\d+)", json.dumps(chosen[0]))
        expect(page(socket.AF_INET, ("127.0.0.1", int(found.group(1)))), "this is db", "port 0's page")

        v6 = db.address6()
        add(lab, daemon, f"tcp:[::1]:{ports['back']}-[{v6}]:80")
        expect(page(socket.AF_INET6, ("::1", ports["back"])), "this is db", "db's page over IPv6")
        add(lab, daemon, f"udp:[::1]:{ports['udp6']}-[{v6}]:7000")
        echo(socket.AF_INET6, ("::1", ports["udp6"]), b"over IPv6")
        echo(socket.AF_INET, ("127.0.0.1", ports["udp"]), b"hello")

        server = lab.web_server(1000000)
        expect(db.fetch_sha256(f"http://10.0.2.2:{server.port}/data"), server.sha256, "the way back")

        ctl(lab, daemon, "hostfwd", "remove", f"tcp:127.0.0.1:{ports['page']}")
        ctl(lab, daemon, "hostfwd", "remove", f"unix:{unix}")
        try:
            page(socket.AF_INET, ("127.0.0.1", ports["page"]))
            raise LabError("a removed forward still answers")
        except ConnectionRefusedError:
            pass
        expect(os.path.exists(unix), False, "the removed forward's socket file is there")
        session.says("echo flows on", "flows on")

        began = time.monotonic()
        connect_carries(lab, daemon, BULK)
        print(f"usernetctl connect: {BULK / 1e6:.0f} MB each way in {time.monotonic() - began:.1f} s")
        session.says("echo $((7 * 6))", "42")
        session.close()
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main()
