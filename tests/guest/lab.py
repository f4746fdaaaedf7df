# SPDX-License-Identifier: BSD-3-Clause
"""What a test with real guests needs: a folder that goes away, the daemon under test, QEMU guests
that run commands, and a web server on the host's loopback.

    with Lab() as lab:
        lab.usernet("--netdev", "user,id=nat", "--netdev", f"stream,...")
        guest = lab.guest("a", netdev=f"stream,id=n0,...")
        guest.lease()
        guest.run("ping -c 1 10.0.2.2")

Everything runs as the caller; called as root, the whole test moves to an unprivileged user first.
Environment: USERNET (the daemon), USERNET_WRAPPER (words in front of it), USERNET_TEST_USER,
USERNET_GUEST_KERNEL_ROOT (a folder with boot/ and lib/modules/), USERNET_LAB_KEEP (keep the folder).
"""

import base64
import hashlib
import http.server
import os
import pwd
import random
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Emulated guests share the machine's cores with other tests, so waits are long; they cost nothing
# when all is well.
BOOT_SECONDS = 300
COMMAND_SECONDS = 180
NUDGE_SECONDS = 5
READY_SECONDS = 30

# On a busy machine the timer of an emulated one may seem to stand still.
KERNEL_WORDS = "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off"


class LabError(Exception):
    pass


def become_unprivileged():
    """If root, run the test again as a plain user: the daemon must not need more."""
    if os.geteuid() != 0:
        return
    name = os.environ.get("USERNET_TEST_USER", "nobody")
    user = pwd.getpwnam(name)
    os.execvp("setpriv", ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                          "--init-groups", sys.executable, *sys.argv])


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A child with its output in a file; dies with the test."""

    def __init__(self, lab, name, words, pass_fds=(), preexec_fn=None):
        self.name = name
        self.log_path = os.path.join(lab.folder, name + ".log")
        with open(self.log_path, "wb") as log:
            self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=subprocess.STDOUT, pass_fds=pass_fds,
                                          cwd=lab.folder, preexec_fn=preexec_fn)

    @property
    def pid(self):
        return self.child.pid

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def running(self):
        return self.child.poll() is None

    def kill(self):
        if self.running():
            self.child.kill()
        return self.child.wait()

    def stop(self, seconds=20):
        """Sends SIGTERM and returns the status; fails if the process does not end."""
        if self.running():
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LabError(f"{self.name} did not end on SIGTERM within {seconds} s") from None


class Usernet(Process):
    def __init__(self, lab, name, arguments, pass_fds=()):
        ready_read, ready_write = os.pipe()
        program = os.environ.get("USERNET") or shutil.which("usernet")
        if not program:
            raise LabError("USERNET does not name the daemon")
        words = shlex.split(os.environ.get("USERNET_WRAPPER", "")) + [
            program, "--name", f"{lab.word}-{name}", "--ready-fd", str(ready_write), *arguments]
        super().__init__(lab, name, words, (ready_write, *pass_fds))
        os.close(ready_write)
        try:
            if not select.select([ready_read], [], [], READY_SECONDS)[0]:
                raise LabError(f"{name} was not ready within {READY_SECONDS} s:\n{self.log()}")
            if not os.read(ready_read, 64):
                self.child.wait(READY_SECONDS)
                raise LabError(f"{name} ended with status {self.child.returncode}:\n{self.log()}")
        finally:
            os.close(ready_read)


class Guest(Process):
    def __init__(self, lab, name, netdev, mac, pass_fds=(), extra=(), netboot=False, devices=(),
                 before=()):
        ours, theirs = socket.socketpair()
        self.channel = ours
        self.buffer = b""
        self.number = 0
        self.mac = mac
        words = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-M", "pc", "-m", "192",
            "-accel", "kvm", "-accel", "tcg", "-display", "none", "-no-reboot",
            "-serial", f"file:{os.path.join(lab.folder, name + '.console')}",
            "-chardev", f"socket,id=agent,fd={theirs.fileno()}", "-serial", "chardev:agent",
        ]
        for device in devices or ["virtio-net-pci,netdev=n0" + (f",mac={mac}" if mac else "") +
                                  ("" if netboot else ",romfile=")]:
            words += ["-device", device]
        if netboot:
            # SeaBIOS and iPXE write to the console too.
            words += ["-boot", "n", "-machine", "graphics=off"]
        else:
            words += ["-kernel", lab.kernel, "-initrd", lab.initramfs, "-append", KERNEL_WORDS]
        for line in [netdev] if isinstance(netdev, str) else netdev:
            words += ["-netdev", line]
        words += list(extra)
        super().__init__(lab, name, [*before, *words], (theirs.fileno(), *pass_fds))
        theirs.close()

    def line(self, deadline):
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LabError(f"guest {self.name} said nothing in time:\n{self.log()}")
            if not select.select([self.channel], [], [], min(left, NUDGE_SECONDS))[0]:
                # QEMU 7.2's serial port seems to hold an answer at times, until it gets input.
                self.channel.sendall(b"\n")
                continue
            data = self.channel.recv(65536)
            if not data:
                raise LabError(f"guest {self.name} is gone:\n{self.log()}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode()

    def wait_boot(self, seconds=BOOT_SECONDS):
        deadline = time.monotonic() + seconds
        while self.line(deadline).strip() != "ready":
            pass
        return self

    def try_run(self, command, seconds=COMMAND_SECONDS):
        """(status, output) of a shell command in the guest."""
        self.number += 1
        word = base64.b64encode(command.encode()).decode()
        self.channel.sendall(f"{self.number} {word}\n".encode())
        deadline = time.monotonic() + seconds
        while True:
            part = (self.line(deadline).split(" ") + ["", ""])[:3]
            if part[0] == str(self.number):
                return int(part[1]), base64.b64decode(part[2]).decode(errors="replace")

    def run(self, command, seconds=COMMAND_SECONDS):
        status, output = self.try_run(command, seconds)
        if status != 0:
            raise LabError(f"in guest {self.name}: {command}\n-> status {status}\n{output}")
        return output

    def lease(self, options=""):
        """Ask for an address by DHCP, with these options of udhcpc, and return it."""
        self.run(f"udhcpc -i eth0 -n -q -t 15 -T 1 {options}")
        return self.address()

    def address(self):
        words = self.run("ip -4 -o address show dev eth0").split()
        return words[words.index("inet") + 1].split("/")[0]

    def address6(self):
        """The address from the router's prefix, once it is no longer tentative."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            text = self.run("ip -6 -o address show dev eth0")
            found = re.search(r"inet6 (fec0:\S+)/64 ((?!tentative).)*$", text, re.MULTILINE)
            if found:
                return found.group(1)
            time.sleep(0.5)
        raise LabError(f"{self.name} has no IPv6 address: {text}")

    def ping(self, address, count=1):
        self.run(f"ping -c {count} -W 5 {address}")

    def fetch_sha256(self, url):
        # The status of wget counts, not only that of the last in the pipe; its own -T crashes in
        # Debian's static busybox 1.35.
        output = self.run(f"set -o pipefail; timeout 60 wget -q -O - {url} | sha256sum")
        return output.split()[0]

    def fetch(self, url):
        return self.run(f"timeout 60 wget -q -O - {url}")

    def serve(self, text):
        """A web server in the guest on port 80, with TEXT at /."""
        self.run(f"mkdir -p /www && printf %s {shlex.quote(text)} >/www/index.html && "
                 "httpd -p 80 -h /www")


class WebServer:
    """On the host's loopback only; /data is SIZE random bytes, or DATA, whose SHA-256 is known."""

    def __init__(self, size, data=None):
        data = data or random.Random(size).randbytes(size)
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.size = len(data)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                try:
                    self.wfile.write(data)
                except ConnectionError:  # the guest, or usernet, is gone
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Lab:
    def __init__(self):
        become_unprivileged()
        self.folder = tempfile.mkdtemp(prefix="usernet-lab-")
        self.word = os.path.basename(self.folder)
        self.processes = []
        self.closing = []
        self.guest_count = 0
        self.kernel = self.initramfs = None
        # Run and state folders of this test only.
        os.environ["XDG_RUNTIME_DIR"] = self.path("run")
        os.environ["XDG_STATE_HOME"] = self.path("state")
        os.environ["XDG_CONFIG_HOME"] = self.path("config")
        for name in ("run", "state", "config"):
            os.mkdir(self.path(name), 0o700)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for process in reversed(self.processes):
            if kind is not None:
                print(f"--- {process.name}.log\n{process.log()}", file=sys.stderr)
            process.kill()
        for thing in self.closing:
            thing.close()
        if "USERNET_LAB_KEEP" in os.environ:
            print(f"kept {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_dir(self, name="usernet"):
        """Of the daemon of this name."""
        return os.path.join(self.path("run"), "usernet", f"{self.word}-{name}")

    def process(self, name, words, pass_fds=(), preexec_fn=None):
        """Another program that must run; it ends with the test."""
        process = Process(self, name, words, pass_fds, preexec_fn)
        self.processes.append(process)
        return process

    def usernet(self, *arguments, name="usernet", pass_fds=()):
        """Start the daemon and wait until it says it is ready."""
        daemon = Usernet(self, name, arguments, pass_fds)
        self.processes.append(daemon)
        return daemon

    def make_image(self, drivers=(), programs=()):
        """self.kernel and self.initramfs: what a guest boots. DRIVERS, PROGRAMS: as guest-image
        --driver and --program."""
        if self.initramfs:
            return
        self.initramfs = self.path("initramfs")
        words = [os.path.join(SOURCE, "tools", "guest-image"), "--main",
                 os.path.join(SOURCE, "tests", "guest", "agent.sh"), "--out", self.initramfs]
        if os.environ.get("USERNET_GUEST_KERNEL_ROOT"):
            words += ["--kernel-root", os.environ["USERNET_GUEST_KERNEL_ROOT"]]
        for driver in drivers:
            words += ["--driver", driver]
        for program in programs:
            words += ["--program", program]
        result = subprocess.run(words, check=True, stdout=subprocess.PIPE)
        self.kernel = result.stdout.decode().strip()

    def guest(self, name, netdev, pass_fds=(), extra=(), netboot=False, wait=True, mac="",
              devices=(), before=()):
        """Boot a guest. NETDEV is QEMU's string with id=n0, or a list of such; the card is on n0.
        Or boot it from the network, by the iPXE that QEMU has for the card. MAC: None for QEMU's
        own choice. DEVICES: QEMU's -device strings in place of the virtio-net card.
        BEFORE: words in front of QEMU."""
        self.make_image()
        self.guest_count += 1
        if mac == "":
            mac = f"52:54:00:12:34:{self.guest_count:02x}"
        guest = Guest(self, name, netdev, mac, pass_fds, extra, netboot, devices, before)
        self.processes.append(guest)
        return guest.wait_boot() if wait else guest

    def web_server(self, size=10 * 1000 * 1000, data=None):
        server = WebServer(size, data)
        self.closing.append(server)
        return server

    @staticmethod
    def fetch(url, seconds=60):
        """The content of URL for the host, tried again until it answers or SECONDS have passed."""
        deadline = time.monotonic() + seconds
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                with opener.open(url, timeout=seconds) as answer:
                    return answer.read()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise LabError(f"{url}: {error}") from error
                time.sleep(0.2)


def expect(value, wanted, what):
    if value != wanted:
        raise LabError(f"{what}: got {value!r}, wanted {wanted!r}")


def expect_stopped_cleanly(daemon):
    """On SIGTERM the daemon ends with status 0."""
    if not daemon.running():
        raise LabError(f"{daemon.name} had already ended:\n{daemon.log()}")
    status = daemon.stop()
    if status != 0:
        raise LabError(f"{daemon.name} ended with status {status}:\n{daemon.log()}")
