#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A name's TTL ends, and the grace after it (the clock is moved, shim.c): new connections to its
address are refused, open ones go on, and who asks again may connect again."""
import unittest

import churn  # noqa: F401 pylint: disable=unused-import
from shim import Shim

from lib import dns
from lib.daemon import become_unprivileged
from lib.names import FAR, TLS, NamesCase, in_a_far_world
from lib.network import Network

GRACE = 60  # policy/opened.h POLICY_OPEN_GRACE
NAME = 'api.example.com'


class NameEnds(NamesCase):
    def network(self, user='', *more, **options):
        self.lan = self.keep(Network(
            '--netdev', f'user,id=nat,{user}', '--netdev',
            'stream,id=lan,server=on,addr.type=unix,addr.path={dir}/lan.sock', *more, start=False))
        self.shim = Shim(self.lan.path('fault'))
        self.lan.environment = self.shim.environment
        self.lan.start()

    def begin(self, ttl, mark=''):
        zone = {NAME: [(NAME, dns.A, dns.address(FAR), ttl)]}
        self.start(f'policy=sandbox,allow={NAME}:443{mark}', zone=zone)
        self.assertEqual(self.lookup(NAME), (dns.NOERROR, [FAR]))

    def later(self, seconds):
        """So long after the start. The loop reads the clock when a frame comes."""
        self.shim.set_clocks(monotonic=seconds, realtime=seconds)
        self.a.ping('10.0.2.2')

    def check(self, ttl):
        self.begin(ttl)
        flow = self.talk(FAR, TLS)
        # The real time that passes is less than 10 s.
        self.later(ttl + GRACE - 10)
        self.assert_open(FAR, TLS)
        self.later(ttl + GRACE + 1)
        self.assert_refused(FAR, TLS)
        flow.send(b'again')
        self.assertEqual(flow.recv(5), b'again')
        self.ctl('policy', 'add', 'deny=192.0.2.0/24')
        flow.send(b'still')
        self.assertEqual(flow.recv(5), b'still')
        self.assertEqual(self.lookup(NAME), (dns.NOERROR, [FAR]))
        self.assert_open(FAR, TLS)

    @in_a_far_world
    def test_new_connections_are_refused_and_open_ones_go_on(self):
        self.check(30)

    @in_a_far_world
    def test_the_same_with_a_ttl_of_0(self):
        self.check(0)

    @in_a_far_world
    def test_asking_again_begins_anew(self):
        self.begin(30)
        self.later(60)
        self.lookup(NAME)
        self.later(60 + 30 + GRACE - 10)
        self.assert_open(FAR, TLS)
        self.later(60 + 30 + GRACE + 1)
        self.assert_refused(FAR, TLS)


if __name__ == '__main__':
    become_unprivileged()
    unittest.main()
