#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Somebody renames the run directory, puts symbolic links, files and directories in its place and in
the place of what is in it, while a network starts and ends. Nothing that a link leads to is changed;
each start succeeds, or fails with status 1 and says why; afterwards a network starts as ever."""
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import threading

import churn  # noqa: F401 pylint: disable=unused-import

from lib.case import GATEWAY, LAN
from lib.daemon import become_unprivileged, words
from lib.guest import StreamGuest
from lib.network import Network
from lib.station import Station

STARTS = int(os.environ.get('STARTS', '60'))
SEED = int(os.environ.get('SEED', '20260304'))
NAMES = ['qmp.sock', 'lan.sock', 'lock', '.', '..']


class Racer(threading.Thread):
    """Acts on the run directory of the network until it is told to end."""

    def __init__(self, net):
        super().__init__(daemon=True)
        self.rng = random.Random(SEED)
        self.top = net.folder.file('run', 'usernet')
        self.victim = net.path('victim')
        os.mkdir(self.victim)
        for name in ('qmp.sock', 'lan.sock', 'lock', 'precious'):
            with open(os.path.join(self.victim, name), 'w', encoding='ascii') as file:
                file.write('precious')
        self.done = threading.Event()
        self.acts = 0

    def place(self):
        name = self.rng.choice(NAMES)
        path = os.path.join(self.top, 'test')
        return self.top if name == '..' else path if name == '.' else os.path.join(path, name)

    def act(self):
        path = self.place()
        aside = f'{path}.aside'
        kind = self.rng.randrange(4)
        if os.path.lexists(path):
            os.rename(path, aside)
        if kind == 0:
            os.symlink(self.victim, path)
        elif kind == 1:
            os.symlink(os.path.join(self.victim, 'precious'), path)
        elif kind == 2:
            with open(path, 'w', encoding='ascii'):
                pass
        else:
            os.mkdir(path)
        self.done.wait(self.rng.random() * 0.003)
        self.remove(path)
        if os.path.lexists(aside):
            os.rename(aside, path)
        self.acts += 1

    @staticmethod
    def remove(path):
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        else:
            shutil.rmtree(path, ignore_errors=True)

    def run(self):
        while not self.done.is_set():
            try:
                self.act()
            except OSError:
                pass  # the daemon was quicker
            self.done.wait(self.rng.random() * 0.003)

    def left(self):
        """What the links lead to."""
        texts = {}
        for name in sorted(os.listdir(self.victim)):
            with open(os.path.join(self.victim, name), encoding='ascii') as file:
                texts[name] = file.read(), os.stat(file.fileno()).st_mode
        return texts


def start(net):
    """True: it was up; else it failed as it should."""
    ready, theirs = os.pipe()
    with subprocess.Popen(words('--name', net.name, '--ready-fd', str(theirs), *net.options),
                          cwd=net.folder.path, pass_fds=[theirs], env=net.folder.environment(),
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as child:
        os.close(theirs)
        select.select([ready], [], [], 30)
        up = os.read(ready, 100)
        os.close(ready)
        if up:
            child.send_signal(signal.SIGTERM)
        said = child.stderr.read()
        status = child.wait(30)
    if status != (0 if up else 1) or not (up or said.strip()):
        raise AssertionError(f'status {status}, up: {bool(up)}; it said: {said}')
    return bool(up)


def main():
    become_unprivileged()
    net = Network('--netdev', 'user,id=nat', '--netdev',
                  LAN.replace('{dir}', '{dir}/run/usernet/test'), start=False)
    racer = Racer(net)
    try:
        before = racer.left()
        racer.start()
        up = sum(start(net) for _ in range(STARTS))
        racer.done.set()
        racer.join()
        if racer.left() != before:
            raise AssertionError(f'the files behind the links became {racer.left()}')
        shutil.rmtree(racer.top, ignore_errors=True)
        Racer.remove(racer.top) if os.path.lexists(racer.top) else None
        net.start()
        guest = Station(StreamGuest.unix(net.path('run', 'usernet', 'test', 'lan.sock')))
        guest.dhcp()
        guest.ping(GATEWAY)
        guest.guest.close()
        net.stop()
    except BaseException:
        print(f'seed {SEED}', file=sys.stderr)
        raise
    finally:
        racer.done.set()
        net.close()
    print(f'{STARTS} starts among {racer.acts} changes, {up} of them succeeded; nothing behind a '
          f'link changed')


if __name__ == '__main__':
    main()
