#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""README's first page typed into a terminal (tmux), with two guests: what a user sees, up to a picture
of the network. Graphviz draws it."""

import html
import os
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import time

from lab import BOOT_SECONDS, KERNEL_WORDS, SOURCE, Guest, Lab, LabError, expect, free_port

sys.path.insert(0, os.path.join(SOURCE, "tests", "wire"))
from lib import pcapng  # noqa: E402 pylint: disable=wrong-import-position

PROMPT = "READY> "
SHELL = ("bash", "--norc", "--noprofile")
SECONDS = 60
COLUMNS, LINES = 140, 50


class Terminal:
    """A tmux server of its own; a window runs a shell with the programs in PATH."""

    def __init__(self, lab):
        self.lab = lab
        self.tmux = ["tmux", "-S", lab.path("tmux"), "-f", "/dev/null"]
        programs = lab.path("bin")
        os.mkdir(programs)
        for name in ("usernet", "usernetctl"):
            os.symlink(os.environ[name.upper()], os.path.join(programs, name))
        # A new window has the PATH of the tmux that asks for it.
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PS1": PROMPT,
                            "TERM": "screen", "LC_ALL": "C.UTF-8", "HOME": lab.folder}
        subprocess.run([*self.tmux, "new-session", "-d", "-s", "it", "-n", "first", "-x", str(COLUMNS),
                        "-y", str(LINES), *SHELL], env=self.environment, cwd=lab.folder, check=True)
        self.until("first", PROMPT)

    def ask(self, *words):
        return subprocess.run([*self.tmux, *words], check=True, stdout=subprocess.PIPE, text=True,
                              env=self.environment).stdout

    def window(self, name):
        self.ask("new-window", "-d", "-c", self.lab.folder, "-t", "it:", "-n", name, *SHELL)
        self.until(name, PROMPT)

    def screen(self, window):
        return self.ask("capture-pane", "-p", "-J", "-t", f"it:{window}")

    def press(self, window, *keys):
        self.ask("send-keys", "-t", f"it:{window}", *keys)

    def until(self, window, wanted, seconds=SECONDS):
        """Until WANTED, a regular expression, is on the screen; returns the screen."""
        deadline = time.monotonic() + seconds
        while True:
            screen = self.screen(window)
            if re.search(wanted, screen, re.MULTILINE):
                return screen
            if time.monotonic() > deadline:
                raise LabError(f"{wanted!r} is not on the screen:\n{screen}")
            time.sleep(0.1)

    def type(self, window, command, wanted=None):
        """Types a line on a clean screen; returns it when WANTED is there, or the prompt is back."""
        self.press(window, "clear", "Enter")
        self.until(window, rf"\A{PROMPT}\s*\Z")
        self.ask("clear-history", "-t", f"it:{window}")
        self.ask("send-keys", "-l", "-t", f"it:{window}", command)
        self.press(window, "Enter")
        # The command, what it printed, and the next prompt.
        return self.until(window, wanted or rf"\A{PROMPT}\S(.*\n)+{PROMPT}\s*\Z")

    def close(self):
        subprocess.run([*self.tmux, "kill-server"], check=False, stderr=subprocess.DEVNULL)


class TypedGuest(Guest):
    """A guest whose QEMU is started by a line in the terminal; its agent's channel is a socket."""

    def __init__(self, lab, terminal, name, words):  # pylint: disable=super-init-not-called
        self.name = name
        self.terminal = terminal
        self.buffer, self.number = b"", 0
        path = lab.path(f"{name}.agent")
        qemu = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-M", "pc", "-m", "192",
                "-accel", "kvm", "-accel", "tcg", "-display", "none", "-no-reboot", "-serial",
                f"file:{name}.console", "-chardev", f"socket,id=agent,path={path},server=on,wait=off",
                "-serial", "chardev:agent", "-kernel", lab.kernel, "-initrd", lab.initramfs,
                "-append", KERNEL_WORDS, *words]
        terminal.window(name)
        terminal.type(name, f"usernetctl run --guest {name} -- {shlex.join(qemu)}", "usernetctl run")
        deadline = time.monotonic() + SECONDS
        self.channel = socket.socket(socket.AF_UNIX)
        while self.channel.connect_ex(path):
            if time.monotonic() > deadline:
                raise LabError(f"QEMU does not start:\n{terminal.screen(name)}")
            time.sleep(0.05)

    def log(self):
        return self.terminal.screen(self.name)

    def line(self, deadline):
        try:
            return super().line(deadline)
        except OSError as error:
            raise LabError(f"{error}: guest {self.name}:\n{self.log()}") from error


def first_steps(lab, terminal):
    """usernet, and two guests by usernetctl run."""
    lab.make_image()
    port = free_port()
    terminal.type("first", "usernet", "^network default is ready")
    web = TypedGuest(lab, terminal, "web", ["-nic", "user,model=virtio-net-pci,"
                                          f"hostfwd=tcp:127.0.0.1:{port}-:80"])
    db = TypedGuest(lab, terminal, "db", [])
    for guest in (web, db):
        guest.wait_boot(BOOT_SECONDS)
    for guest in (web, db):
        guest.lease()
    web.serve("typed")
    expect(lab.fetch(f"http://127.0.0.1:{port}/"), b"typed", "the page by hostfwd")
    terminal.window("ctl")
    return web, db, port


def see_guests(terminal, web, db):
    screen = terminal.type("ctl", "usernetctl guests")
    for guest in (web, db):
        if not re.search(rf"\b{guest.name}\b.*\b{re.escape(guest.address())}\b", screen):
            raise LabError(f"{guest.name} is not among the guests:\n{screen}")
    port = free_port()
    terminal.type("ctl", f"usernetctl hostfwd add tcp:127.0.0.1:{port}-db:22")
    terminal.type("ctl", "usernetctl forwards", rf"{port}.*db")


def see_top(terminal, web, db):
    terminal.type("ctl", "usernetctl top", "q quits")
    terminal.until("ctl", r"^web .*\n(.*\n)*?^db |^db .*\n(.*\n)*?^web ")
    web.run("dd if=/dev/zero of=/www/zero bs=1M count=4 2>/dev/null")
    db.run(f"for i in 1 2 3; do wget -q -O /dev/null http://{web.address()}/zero; sleep 1; done")
    # Bits per second, of both.
    terminal.until("ctl", r"^web .* \d\S*[kMG]\b")
    terminal.press("ctl", "q")
    terminal.until("ctl", rf"^{PROMPT}\s*\Z")


def see_capture(lab, terminal, web, db):
    terminal.type("ctl", "usernetctl capture web -f 'tcp port 80' -w web.pcapng", "usernetctl capture")
    path = lab.path("web.pcapng")
    deadline = time.monotonic() + SECONDS
    while not os.path.exists(path) or not os.path.getsize(path):
        if time.monotonic() > deadline:
            raise LabError(f"no capture:\n{terminal.screen('ctl')}")
        time.sleep(0.05)
    expect(db.fetch(f"http://{web.address()}/"), "typed", "the page, of the other guest")
    db.ping(web.address())
    terminal.press("ctl", "C-c")
    terminal.until("ctl", rf"^{PROMPT}\s*\Z")
    with open(path, "rb") as file:
        frames = pcapng.Pcapng(file.read()).packets
    if not any(b"typed" in frame.data for frame in frames):
        raise LabError(f"the page is not among {len(frames)} frames")
    if shutil.which("tshark"):
        screen = terminal.type("ctl", "tshark -r web.pcapng -Y http 2>/dev/null")
        expect("GET / HTTP/1.1" in screen, True, f"the request in tshark:\n{screen}")


def see_doctor(terminal):
    for name in ("web", "db"):
        terminal.type("ctl", f"usernetctl doctor {name}", rf"^ok +{name} is there: 10\.0\.2\.")


def see_picture(lab, terminal, web, db, port):
    """Of the running network, as SVG, whose words are read back, and as PNG."""
    for kind in ("svg", "png"):
        terminal.type("ctl", f"usernetctl graph | dot -T{kind} -o net.{kind} && echo drawn", "^drawn$")
    with open(lab.path("net.svg"), encoding="utf-8") as file:
        words = [html.unescape(word) for word in
                 re.findall(r"<text[^>]*>([^<]*)</text>", file.read())]
    for wanted in ("network default", "10.0.2.0/24", "web", "db", web.address(), db.address(),
                   f"127.0.0.1:{port}", ":80"):
        if wanted not in words and not any(wanted in word for word in words):
            raise LabError(f"{wanted!r} is not in the picture: {words}")
    with open(lab.path("net.png"), "rb") as file:
        head = file.read(24)
    expect(head[:16], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "the head of the PNG")
    width, height = struct.unpack(">II", head[16:])
    if width < 200 or height < 100:
        raise LabError(f"the picture has {width} x {height} points")


def main():
    with Lab() as lab:
        if not shutil.which("tmux") or not shutil.which("dot"):
            raise LabError("no tmux or no dot (Debian: tmux, graphviz)")
        terminal = Terminal(lab)
        lab.closing.append(terminal)
        web, db, port = first_steps(lab, terminal)
        see_guests(terminal, web, db)
        see_top(terminal, web, db)
        see_capture(lab, terminal, web, db)
        see_doctor(terminal)
        see_picture(lab, terminal, web, db, port)
        terminal.type("ctl", "usernetctl quit && echo gone", "^gone$")
        terminal.until("first", rf"network default ends\n{PROMPT}\s*\Z")


if __name__ == "__main__":
    main()
