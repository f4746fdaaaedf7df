# SPDX-License-Identifier: BSD-3-Clause
"""The machine of a bench: what it lacks, and its description for the table."""

import os
import platform
import re
import shutil
import subprocess
import time

import measures
from process import hard_limit

APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
CLONE = "/proc/sys/kernel/unprivileged_userns_clone"


def reads(path, value):
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip() == value
    except OSError:
        return False


def namespaces():
    """Why a plain user cannot make a network namespace, as a sentence, or None."""
    done = subprocess.run(["unshare", "-U", "-r", "-n", "true"], stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return None
    advice = ""
    if reads(CLONE, "0"):
        advice = "; as root: sysctl kernel.unprivileged_userns_clone=1"
    elif reads(APPARMOR, "1"):
        advice = "; as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    elif reads("/proc/sys/user/max_user_namespaces", "0"):
        advice = "; as root: sysctl user.max_user_namespaces=10000"
    return f"a plain user may not make user and network namespaces here{advice}" \
           f" ({done.stderr.strip()})"


def lacks(bench, peers, chosen):
    """What must be fixed before anything can be measured, a sentence each."""
    found = []
    if os.geteuid() == 0:
        found.append("the bench runs as a plain user, and this is root")
    for tool in ("tapguest", "netload", "switchload"):
        if not os.access(bench.tool(tool), os.X_OK):
            found.append(f"{bench.tool(tool)} is not there: build first, and give --build")
    programs = {"ip": "iproute2", "nsenter": "util-linux", "unshare": "util-linux"}
    if measures.WITH_IPERF3 & set(chosen):
        programs["iperf3"] = "iperf3"
    for program, package in programs.items():
        if not shutil.which(program):
            found.append(f"{program} is not installed: apt install {package}")
    for peer in peers:
        for program in peer.missing():
            where = " ".join(peer.packages)
            found.append(f"{program} of {peer.name} is not there" +
                         (f": apt install {where}, or leave the peer out with --peer" if where
                          else ""))
    if set(chosen) != {"switch"}:
        try:
            os.close(os.open("/dev/net/tun", os.O_RDWR))
        except OSError as error:
            found.append(f"/dev/net/tun cannot be opened ({error.strerror}); as root: "
                         "modprobe tun; chmod 0666 /dev/net/tun")
        if shutil.which("unshare"):
            trouble = namespaces()
            if trouble:
                found.append(trouble)
    return found


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = re.findall(r"^model name\s*: (.*)$", file.read(), re.M)
    return names[0] if names else platform.machine()


def system():
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            return re.search(r'^PRETTY_NAME="?(.*?)"?$', file.read(), re.M).group(1)
    except (OSError, AttributeError):
        return platform.system()


def version(package):
    """Of an installed Debian package."""
    if not shutil.which("dpkg-query"):
        return "?"
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.strip() or "?"


def own_word(program):
    """The first line of PROGRAM's version output, or None."""
    done = subprocess.run([program, "--version"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.stdout.split("\n", 1)[0].strip() or None if done.returncode == 0 else None


def describe(peers):
    """Lines for the head of the table."""
    # passt on PATH may differ from the installed package's.
    packages = [package for peer in peers for package in peer.packages if package != "passt"]
    packages.append("libslirp0")
    busy = os.getloadavg()[0]
    return [
        f"{time.strftime('%Y-%m-%d')}, {len(os.sched_getaffinity(0))} cores of {processor()}, "
        f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB, load {busy:.1f} "
        "before",
        f"{system()}, Linux {platform.release().split('-')[0]}, at most {hard_limit()} open files",
        ", ".join([f"{package} {version(package)}" for package in packages] +
                  [own_word("passt") or "passt ?" for peer in peers if peer.name == "passt"]),
    ]
