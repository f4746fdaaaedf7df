# SPDX-License-Identifier: BSD-3-Clause
"""Tests of guestfwd: rules, guests that dial them, and the commands that run for them."""
import os

from .case import GATEWAY, GatewayCase
from .wait import until

SERVER, SERVER6, DEFAULT = '10.0.2.100', 'fec0::100', '10.0.2.4'


def stat_of(pid):
    """(name, state, parent) or None."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as file:
            head, _, tail = file.read().rpartition(')')
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = tail.split()
    return head.partition('(')[2], fields[0], int(fields[1])


def children(pid):
    found = [int(name) for name in os.listdir('/proc') if name.isdigit()]
    return [child for child in found if (stat_of(child) or ('', '', 0))[2] == pid]


def helpers(pid):
    """The process that runs commands, if there is one."""
    return [child for child in children(pid) if (stat_of(child) or ('',))[0] == 'usernet-run']


def lives(pid):
    stat = stat_of(pid)
    return stat is not None and stat[1] != 'Z'


class GuestfwdCase(GatewayCase):
    def start(self, *rules, user='', more=()):
        """A network with these rules, and a guest on it. Double the commas in a rule."""
        options = [f'guestfwd={rule.replace(",", ",,")}' for rule in rules]
        self.network(','.join([user] * bool(user) + options), *more)
        self.a = self.station()
        if not self.a.router:
            self.a.router = GATEWAY
        self.a.autoconfigure()

    def entry(self, index=0):
        return [e for e in self.lan.ask('query-forwards') if e['type'] == 'guestfwd'][index]

    def helper(self):
        (pid,) = helpers(self.lan.daemon.pid)
        return pid

    def read_pid(self, name='pid'):
        """The text that a command wrote there."""
        def read():
            try:
                with open(self.lan.path(name), encoding='ascii') as file:
                    text = file.read()
            except FileNotFoundError:
                return None
            return int(text) if text.endswith('\n') else None
        return until(read, 'the pid of the command')

    def dialled(self, dst, port):
        """Connects; a reset is allowed."""
        flow = self.a.connect(dst, port)
        self.a.run_until(lambda: flow.opened or flow.was_reset, f'an answer of {dst}:{port}')
        return flow

    def read_all(self, flow):
        """All data until the end."""
        data = b''
        while True:
            part = flow.recv(1)
            if not part:
                return data
            data += part + flow.received
            flow.received = b''

    def assert_over(self):
        """No rule has a connection left, nor its resources."""
        until(lambda: not any(e['connections'] for e in self.lan.ask('query-forwards')
                              if e['type'] == 'guestfwd'), 'the end of all connections')
