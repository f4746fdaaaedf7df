#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Real clients in two sandboxed guests: curl, wget, git, apt, node, Python, and the resolvers of
glibc and musl. What rules by name allow works. What they do not fails at once, with the client's own
error, and is never asked of the world's name server."""

import hashlib
import os
import shutil
import subprocess
import threading
import time

from far import (EDGE, HERE, MOVING, NEW, OLD, OTHER, OTHER6, PRIVATE, REBOUND, SERVER, SHARED, SHORT,
                 WEB, ZERO, Clients, Far)
from lab import Lab, LabError, expect, expect_stopped_cleanly
from world import enter_namespace

# A denied client waits so long at most: the time that the guest's processor is idle, as a program's
# start alone takes longer under emulation. Other work of this machine may disturb some attempts.
AT_ONCE = 0.1
ATTEMPTS = 4
# policy/opened.h POLICY_OPEN_GRACE, and the TTL of SHORT's record
SHORT_ENDS = 60 + 1

# As option values: commas twice.
RULES = {
    "one": ("tcp:web.world.example:443+sni", "tcp:web.world.example:80+host",
            "tcp:*.pkg.example:80,,443", "alias.world.example:80", "zero.world.example:80",
            f"{MOVING}:80", "*.rebound.example", "one.shared.example:80"),
    "two": ("web.world.example:80", "tcp:web.world.example:443+sni", "short.world.example:7",
            "two.shared.example:443"),
}
NOT_ASKED = {"other.world.example", "pkg.example", "edge.cdn.example", "secret.other.example"}

NO_NAME = ("could not resolve", "unable to resolve", "name or service not known",
           "name does not resolve", "enotfound", "no address associated")
REFUSED = ("refused", "couldn't connect", "prohibited")


class Guest(Clients):
    """A guest's clients, and what they must say."""

    def allowed(self, command, wanted="allowed"):
        status, output = self.try_run(command)
        if status != 0 or wanted not in output:
            raise LabError(f"{self.guest.name}: {command}: status {status}, wanted {wanted!r}:\n"
                           f"{output}")
        return output

    def denied(self, command, said=NO_NAME, status=None, lines=1):
        """It fails, of each of its lines of output at least LINES say why, and it does not wait."""
        script = ('idle() { read -r _ _ _ _ a b _ </proc/stat; echo $(((a + b) * 10)); }\n'
                  f'before=$(idle)\n{command}\nstatus=$?\n'
                  'echo; echo waited $(($(idle) - before))\nexit $status')
        waits = []
        for _ in range(ATTEMPTS):
            result, output = self.try_run(script)
            reasons = [line for line in output.split("\n")
                       if any(part in line.lower() for part in said)]
            if (result == 0 if status is None else result != status) or len(reasons) < lines:
                raise LabError(f"{self.guest.name}: {command}: status {result}, wanted one of {said} "
                               f"in {lines} lines:\n{output}")
            waits.append(int(output.split()[-1]) / 1000)
            if waits[-1] <= AT_ONCE:
                return
        raise LabError(f"{self.guest.name}: {command}: waited {waits} s")

    def page(self, url, more=""):
        return f"curl -sS --cacert $CA {more} {url}"


def curl(one):
    for more in ("-4", "-6", "--tcp-fastopen"):
        one.allowed(one.page("https://web.world.example/", more))
        one.allowed(one.page("http://web.world.example/", more))
    # No +host, no +sni: names of one address are told apart by port.
    one.allowed(one.page("http://one.shared.example/"))
    one.denied(one.page("https://one.shared.example/"), REFUSED)
    one.denied(one.page("http://two.shared.example/"))
    one.denied(one.page("https://other.world.example/"))
    one.denied(one.page("http://secret.other.example/", "-6"))
    one.denied(one.page(f"http://{OTHER}/"), REFUSED)
    one.denied(one.page(f"-g 'http://[{OTHER6}]/'"), REFUSED)
    # The address is open, for another name.
    for url, more in (("https://other.world.example/", f"--resolve other.world.example:443:{WEB}"),
                      (f"http://{WEB}/", "-H 'Host: other.world.example'")):
        one.denied(one.page(url, more), ("reset",))


def transports(one):
    """The name server by TCP and by IPv6."""
    one.allowed("RES_OPTIONS=use-vc " + one.page("http://a.deep.pkg.example/"))
    one.denied("RES_OPTIONS=use-vc " + one.page("http://other.world.example/"))
    one.name_server("fec0::3")
    one.allowed(one.page("https://git.pkg.example/", "-6"))
    one.denied(one.page("https://other.world.example/", "-6"))
    one.name_server("10.0.2.3")
    # The world's own name server is an address like any.
    one.name_server(SERVER)
    status, output = one.try_run(one.page("http://web.world.example/", "--connect-timeout 20"))
    if status == 0 or "resolve" not in output.lower():
        raise LabError(f"another name server: status {status}: {output}")
    one.name_server("10.0.2.3")


def names(one):
    """Wildcards, aliases, TTL 0."""
    one.allowed(one.page("http://a.deep.pkg.example/"))
    one.denied(one.page("http://pkg.example/"))
    one.allowed(one.page("http://alias.world.example/", "-w '%{remote_ip}'"), EDGE)
    one.denied(one.page("http://edge.cdn.example/"))
    one.allowed(one.page("http://zero.world.example/", "-w '%{remote_ip}'"), ZERO)


def changes(one, far):
    """An answer changes under way, and then leads to where no public name may lead."""
    where = one.page(f"http://{MOVING}/", "-w '%{remote_ip}'")
    one.allowed(where, OLD)
    far.move(NEW)
    deadline = time.monotonic() + 20
    while NEW not in one.allowed(where):
        if time.monotonic() > deadline:
            raise LabError(f"{MOVING} did not move")
    far.move(PRIVATE)
    time.sleep(2)  # the TTL is 1 s
    one.denied(one.page(f"http://{MOVING}/"), NO_NAME + REFUSED)
    for word in REBOUND:
        one.denied(one.page(f"http://{word}.rebound.example/"), NO_NAME + REFUSED)


def wget(one):
    words = "wget --tries=1 -nv --ca-certificate=$CA -O - "
    one.allowed(words + "https://web.world.example/")
    one.denied(words + "https://other.world.example/")
    one.denied(words + f"http://{OTHER}/", REFUSED)


def git(one):
    words = "git -c http.sslCAInfo=$CA "
    one.allowed(words + "clone -q https://git.pkg.example/tiny.git /tmp/tiny && cat /tmp/tiny/file",
                "of the far side")
    one.denied(words + "ls-remote https://other.world.example/tiny.git")
    one.denied(words + f"ls-remote http://{OTHER}/tiny.git", REFUSED)


def apt(one):
    one.allowed("mkdir -p /etc/apt/apt.conf.d /etc/apt/preferences.d /var/lib/apt/lists/partial "
                "/var/cache/apt/archives/partial /var/lib/dpkg; touch /var/lib/dpkg/status; "
                """echo "APT::Sandbox::User root; Acquire::https::CaInfo \\"$CA\\"; """
                """Acquire::Languages none;" >/etc/apt/apt.conf; echo allowed""")
    update = "echo 'deb [trusted=yes] {} ./' >/etc/apt/sources.list; apt-get -q update"
    one.allowed(update.format("https://apt.pkg.example/apt") + " && apt-cache show tiny",
                "of the far side")
    # By itself apt tries whatever failed again, after 1, 2 and 4 s.
    one.denied(update.format("http://other.world.example/apt") +
               " -o APT::Update::Error-Mode=any -o Acquire::Retries=0")


def resolvers(two):
    """The C libraries' own."""
    for library in ("glibc", "musl"):
        words = f"/mnt/lookup-{library} "
        two.allowed(words + "web.world.example 80")
        two.allowed(words + f"{WEB} 80")  # open, as it was asked for
        two.denied(words + "other.world.example")
        two.denied(words + f"{OTHER} 80", REFUSED)


def python(two):
    words = "python3 $CLIENTS/ask.py "
    two.allowed(words + "lookup web.world.example fetch https://web.world.example/",
                "fetch https://web.world.example/ allowed")
    two.denied(words + "lookup other.world.example fetch https://other.world.example/", status=0,
               lines=2)
    two.denied(words + f"connect {OTHER} connect {OTHER6}", REFUSED, status=0, lines=2)


def node(two):
    words = "node $CLIENTS/ask.js "
    two.allowed(words + "lookup web.world.example resolve web.world.example "
                "https https://web.world.example/", "https https://web.world.example/ allowed")
    # c-ares and getaddrinfo()
    two.denied(words + "lookup other.world.example resolve other.world.example "
               f"https https://other.world.example/ connect {OTHER}", ("enotfound", "econnrefused"),
               status=0, lines=4)


def shared(two):
    """One address, other rules."""
    two.allowed(two.page("https://two.shared.example/"))
    two.denied(two.page("http://two.shared.example/"), REFUSED)
    two.denied(two.page("http://one.shared.example/"))
    two.denied(two.page(f"http://{SHARED}/"), REFUSED)


class Held:
    """A connection to a name whose TTL ends meanwhile."""

    def __init__(self, two):
        self.two = two
        two.allowed("python3 $CLIENTS/hold.py short.world.example /tmp/go >/tmp/held 2>&1 & "
                    "until grep -q first /tmp/held; do sleep 0.1; done; echo allowed")
        self.since = time.monotonic()
        two.allowed(self._connect() + " && echo allowed")

    @staticmethod
    def _connect():
        return f"bash -c ': </dev/tcp/{SHORT}/7'"

    def check(self):
        time.sleep(max(0, self.since + SHORT_ENDS + 1 - time.monotonic()))
        self.two.denied(self._connect(), REFUSED)
        self.two.allowed("touch /tmp/go; for i in $(seq 100); do grep again /tmp/held && break; "
                         "sleep 0.1; done", "again")
        # Who asks again may connect again.
        self.two.allowed("python3 $CLIENTS/hold.py short.world.example /tmp/go", "again")


def make_pages(far):
    """A page, a repository of git, one of apt."""
    def write(name, text):
        path = os.path.join(far.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    write("index.html", "allowed\n")
    packages = ("Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: None <none@example>\n"
                f"Filename: ./tiny.deb\nSize: 1\nSHA256: {'0' * 64}\nDescription: of the far side\n")
    write("apt/Packages", packages)
    digest = hashlib.sha256(packages.encode()).hexdigest()
    write("apt/Release", f"Suite: far\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n {digest} "
          f"{len(packages)} Packages\n")
    write("work/file", "of the far side\n")
    work, bare = os.path.join(far.folder, "work"), os.path.join(far.folder, "tiny.git")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    for words in (["init", "-q", work], ["-C", work, "add", "file"],
                  ["-C", work, "-c", "user.name=far", "-c", "user.email=far@example", "commit", "-q",
                   "-m", "far"],
                  ["clone", "-q", "--bare", work, bare], ["-C", bare, "update-server-info"]):
        subprocess.run(["git", *words], check=True, env=environment)


def make_share(lab, far):
    """What the guests find in /mnt."""
    share = lab.path("share")
    os.mkdir(share)
    shutil.copy(far.certificate, share)
    shutil.copytree(os.path.join(HERE, "clients"), os.path.join(share, "clients"))
    for library in ("glibc", "musl"):
        program = os.environ.get("LOOKUP_" + library.upper())
        if not program:
            raise LabError(f"LOOKUP_{library.upper()} does not name tests/guest/clients/lookup.c, "
                           "built (Debian: musl-tools)")
        shutil.copy(program, os.path.join(share, "lookup-" + library))
    return share


def at_the_same_time(*works):
    """Raises what one of them raised."""
    failures = []

    def run(work):
        try:
            work()
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def look_at_the_log(daemon_socket):
    """Each verdict is logged with its guest and name."""
    def ask(*words):
        result = subprocess.run([os.environ["USERNETCTL"], "--socket", daemon_socket, *words],
                                check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if result.returncode != 0:
            raise LabError(f"usernetctl {words}: {result.stdout.decode()}")
        return result.stdout.decode()

    log = ask("policy", "log")
    for name in NOT_ASKED - {"secret.other.example"}:
        if name not in log:
            raise LabError(f"{name} is not in the log:\n{log}")
    for target, verdict in ((f"{SHARED}:80", "deny"), (f"{SHARED}:443", "allow"),
                            ("one.shared.example", "deny")):
        said = ask("explain", "two", target)
        if verdict not in said:
            raise LabError(f"explain two {target}: not {verdict}:\n{said}")


def step(guest, work, *more):
    since = time.monotonic()
    work(guest, *more)
    print(f"{guest.guest.name}: {work.__name__}: {time.monotonic() - since:.1f} s", flush=True)


def main():
    enter_namespace()
    since = time.monotonic()
    with Lab() as lab:
        far = Far(lab)
        make_pages(far)
        share = make_share(lab, far)
        lab.make_image(drivers=Clients.DRIVERS)
        sock = lab.path("lan.sock")
        words = ["--netdev", f"user,id=nat,dns-server={SERVER},policy=sandbox",
                 "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={sock}"]
        for number, (name, rules) in enumerate(RULES.items(), 1):
            words += ["--guest", f"{name},mac=52:54:00:12:34:{number:02x}," +
                      ",".join(f"allow={rule}" for rule in rules)]
        daemon = lab.usernet(*words)
        guests = [lab.guest(name, f"stream,id=n0,addr.type=unix,addr.path={sock}", wait=False,
                            extra=Clients.options(share)) for name in RULES]
        one, two = [Guest(guest) for guest in guests if guest.wait_boot().lease()]
        for guest in guests:
            guest.address6()
        print(f"booted after {time.monotonic() - since:.1f} s", flush=True)

        def first():
            for work in (curl, transports, names, wget, git, apt):
                step(one, work)
            step(one, changes, far)

        def second():
            held = Held(two)
            for work in (resolvers, python, node, shared):
                step(two, work)
            held.check()

        at_the_same_time(first, second)
        asked = far.asked()
        expect(asked & NOT_ASKED, set(), "denied names that were asked of the world")
        if "web.world.example" not in asked:
            raise LabError(f"dnsmasq says it was asked {asked}")
        look_at_the_log(os.path.join(lab.run_dir(), "qmp.sock"))
        expect_stopped_cleanly(daemon)
        print(f"all of it: {time.monotonic() - since:.1f} s")


if __name__ == "__main__":
    main()
