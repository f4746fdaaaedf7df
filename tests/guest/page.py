# SPDX-License-Identifier: BSD-3-Clause
"""Plays sections of tools/examples/README: every command of a section, in order, as written.

    page = Section("A GUEST AS GATEWAY")
    own_host(page, addresses, {"YOU": ...})      a namespace of its own, with the "once" commands done
    with Lab() as lab:
        Play(lab, page, {"DIR": ...}).run()

A line is one of: a usernet or another program that stays, put in the background until it is ready; a
guest, recognised by qemu-system; a command in a guest, "web# ping db"; a command of the host. Guests
boot side by side; before the first command all of them have booted and have asked for leases.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import time

from lab import (BOOT_SECONDS, COMMAND_SECONDS, KERNEL_WORDS, SOURCE, Guest, LabError, Process,
                 become_unprivileged, expect_stopped_cleanly)
from world import namespace

README = os.path.join(SOURCE, "tools", "examples", "README")
INDENT = " " * 12
STAYING = re.compile(r"usernet |usernet$|vde_switch |ssh -N |usernetctl (--name \S+ )?pipe |"
                     r"usernetctl enter --pid \S+$")
QEMU = "qemu-system-x86_64"


def sections():
    """{title: [(label, line)]} of the page; labels: as root, once, now."""
    found, lines, label = {}, None, None
    with open(README, encoding="utf-8") as file:
        for line in file.read().splitlines():
            title = re.match(r"([A-Z][A-Z ,'-]{3,})(: [a-z-]+)?$", line)
            if title:
                lines, label = found.setdefault(title.group(1), []), None
            elif lines is not None and (begun := re.match("  (as root|once|now) +(.*)", line)):
                label = begun.group(1)
                lines.append((label, begun.group(2)))
            elif label and line.startswith(INDENT):
                lines.append((label, line[len(INDENT):]))
    return found


class Section:
    def __init__(self, title):
        self.title = title
        self.now, self.once, self.script = [], [], []
        going_on = False
        for label, line in sections()[title]:
            if label == "as root":
                continue
            if line.startswith("#!") or self.script:
                self.script.append(line)  # the last of its section
                continue
            commands = self.now if label == "now" else self.once
            if going_on:
                # A quoted text goes on in the next line, without the page's indent.
                commands[-1] += line if line == line.lstrip() else " " + line.lstrip()
            else:
                commands.append(line)
            going_on = line.endswith("\\")
            if going_on:
                commands[-1] = commands[-1][:-1].rstrip()


def replace(text, words):
    for name, value in words.items():
        text = re.sub(rf"\b{name}\b", value, text)
    return text


def own_host(section=None, addresses=(), words=None):
    """A plain user in a network namespace with the addresses, where the administrator has done the
    section's "once" commands."""
    def prepare():
        for number, address in enumerate(addresses, 1):
            namespace.add_address(address, number)
        for command in section.once if section else []:
            namespace.run_as_admin(replace(command, words or {}))
    become_unprivileged()
    namespace.enter_own_host(prepare, ports=0)


class PageGuest(Guest):
    """A guest that the page's command starts; QEMU finds the lab's agent by itself."""

    def __init__(self, lab, name, command):
        # pylint: disable=super-init-not-called
        path = lab.path(f"{name}.agent")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        self.buffer, self.number, self.mac, self.static = b"", 0, None, set()
        Process.__init__(self, lab, name, ["env", f"LAB_AGENT={path}", "sh", "-c", command])
        listener.settimeout(BOOT_SECONDS)
        try:
            self.channel, _ = listener.accept()
        except TimeoutError:
            raise LabError(f"{command}: no guest\n{self.log()}") from None
        finally:
            listener.close()

    def take_leases(self):
        """As a distribution does: its name, and a lease on each card without a static address."""
        self.run(f"hostname {self.name}")
        for path in self.run("ls -d /sys/class/net/eth*").split():
            card = os.path.basename(path)
            if card in self.static:
                continue
            self.run(f"udhcpc -i {card} -n -q -t 15 -T 1 -O staticroutes -x hostname:{self.name}")


class Play:
    def __init__(self, lab, section, words=None):
        self.lab, self.section, self.words = lab, section, words or {}
        self.guests, self.daemons, self.output = {}, [], []
        self.booted = False
        self.before = {}  # {start of a command: called once before it}
        self.prepare()

    def prepare(self):
        """A folder of programs in front of PATH: the daemon's, and a QEMU that boots our guest."""
        self.lab.make_image()
        folder = self.lab.path("bin")
        os.mkdir(folder)
        for variable in ("USERNET", "USERNETCTL"):
            os.symlink(os.environ[variable], os.path.join(folder, variable.lower()))
        script = (
            "#!/bin/sh\n"
            f'[ "$1" != -version ] || exec {shutil.which(QEMU)} -version\n'
            "shift  # the page's dots\n"
            'case "$*" in\n'
            "*'-boot n'*) set -- -m 512 -machine graphics=off \"$@\" ;;\n"
            "*) set -- -global virtio-net-pci.romfile= -global e1000.romfile= "
            f'-kernel {self.lab.kernel} -initrd {self.lab.initramfs} -append "{KERNEL_WORDS}" "$@" ;;\n'
            "esac\n"
            f"exec {shutil.which(QEMU)} -nodefaults -no-user-config -M pc -m 192 -accel tcg "
            "-display none -no-reboot "
            '-serial "file:$LAB_AGENT.console" '
            '-chardev "socket,id=agent,path=$LAB_AGENT" -serial chardev:agent "$@"\n')
        # ssh without another host: commands run here, and a forwarded socket is a link.
        ssh = ("#!/bin/sh\n"
               'if [ "$1" = -N ]; then ln -s "${3#*:}" "${3%%:*}"; exec sleep 1000; fi\n'
               'shift; exec "$@"\n')
        for name, text in ((QEMU, script), ("ssh", ssh)):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o755)
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}:/usr/sbin:/sbin"

    def run(self):
        static = {match.groups() for command in self.section.now
                  if (match := re.match(r"(\w+)# ip address add \S+ dev (\w+)", command))}
        for command in self.section.now:
            command = replace(command, self.words)
            inside = re.match(r"(\w+)# (.*)", command)
            if QEMU in command:
                self.start_guest(command, static)
            elif STAYING.match(command):
                self.start(command)
            else:
                self.wait_boots()
                for start in [start for start in self.before if command.startswith(start)]:
                    self.before.pop(start)()
                self.output.append(self.in_guest(*inside.groups()) if inside else
                                   self.on_host(command))
        self.wait_boots()
        return self

    def start_guest(self, command, static):
        name = re.search(r"run --guest (\w+)|… -name (\w+)", command)
        name = name.group(1) or name.group(2)
        if name not in self.guests:
            guest = PageGuest(self.lab, name, "exec " + command)
            guest.static = {card for owner, card in static if owner == name}
            self.guests[name] = guest
            self.lab.processes.append(guest)

    def wait_boots(self):
        if self.booted:
            return
        self.booted = True
        for guest in self.guests.values():
            guest.wait_boot()
        for guest in self.guests.values():
            guest.take_leases()

    def start(self, command):
        name = f"{shlex.split(command)[0]}-{len(self.lab.processes)}"
        console = self.lab.path(name + ".stdin")  # vde_switch ends with its standard input
        os.mkfifo(console)
        process = self.lab.process(name, ["sh", "-c", f"exec {command} <>{console}"])
        deadline = time.monotonic() + COMMAND_SECONDS
        if command.startswith("usernet ") or command == "usernet":
            self.daemons.append(process)
            until(lambda: "is ready" in process.log(), command, process, deadline)
        elif command.startswith("vde_switch"):
            path = os.path.join(re.search(r"-sock (\S+)", command).group(1), "ctl")
            until(lambda: os.path.exists(path), command, process, deadline)

    def in_guest(self, name, command):
        try:
            return self.guests[name].run(command)
        except LabError as error:
            state = [f"--- {guest.name}\n" + guest.try_run(
                "ip -4 -o address; ip route; ip neigh; cat /etc/resolv.conf")[1]
                for guest in self.guests.values()]
            raise LabError(f"{error}{''.join(state)}") from None

    def on_host(self, command):
        result = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, cwd=self.lab.folder,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                timeout=COMMAND_SECONDS, check=False)
        if result.returncode != 0:
            raise LabError(f"{command}: status {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout

    def end(self):
        """The networks end as they should; the guests are no longer needed."""
        for guest in self.guests.values():
            guest.kill()
        for daemon in self.daemons:
            expect_stopped_cleanly(daemon)
        # "run" starts networks by itself.
        subprocess.run(["usernetctl", "quit"], check=False, capture_output=True)


def until(condition, what, process, deadline):
    while not condition():
        if not process.running() or time.monotonic() > deadline:
            raise LabError(f"{what} is not ready:\n{process.log()}")
        time.sleep(0.05)
