# SPDX-License-Identifier: BSD-3-Clause
"""Each event comes when it should, with the members that query-qmp-schema lists."""
from lib import packet as pk
from lib.case import GATEWAY, GatewayCase
from lib.schema import Schema

# Events about troubles are in test_troubles.py and test_uplinks.py.
TROUBLES = {'GUEST_MAC_CONFLICT', 'GUEST_ADDRESS_CONFLICT', 'GUEST_WRONG_SUBNET',
            'GUEST_WITHOUT_ADDRESS', 'BUDGET_EXHAUSTED', 'FORWARD_WAITING', 'OTHER_GATEWAY'}
TESTED = {'NETDEV_STREAM_CONNECTED', 'NETDEV_STREAM_DISCONNECTED', 'GUEST_JOINED', 'GUEST_LEFT',
          'LEASE_GRANTED', 'LEASE_REFUSED', 'FORWARD_ADDED', 'FORWARD_REMOVED', 'POLICY_ALLOWED',
          'POLICY_DENIED', 'SHUTDOWN', 'HOST_NETWORK_CHANGED'}


class Events(GatewayCase):
    def start(self, *options):
        self.network(*options)
        self.qmp = self.keep(self.lan.daemon.qmp())
        self.schema = Schema(self.qmp)

    def event(self, name):
        return self.schema.check(self.qmp.event(name))

    def test_all_events_of_the_schema_are_tested(self):
        self.start()
        self.assertEqual(TESTED | TROUBLES, self.schema.events())

    def test_guest_comes_gets_an_address_and_goes(self):
        self.start()
        station = self.station()
        connected = self.event('NETDEV_STREAM_CONNECTED')
        self.assertEqual((connected['netdev-id'], connected['port']), ('lan', 'lan.1'))
        joined = self.event('GUEST_JOINED')
        self.assertEqual((joined['mac'], joined['port'], joined['trouble']),
                         (pk.mac_text(station.mac), 'lan.1', []))
        lease = self.event('LEASE_GRANTED')
        self.assertEqual((lease['mac'], lease['address'], lease['leased']),
                         (pk.mac_text(station.mac), station.ip, True))
        station.guest.close()
        self.assertEqual(self.event('NETDEV_STREAM_DISCONNECTED')['port'], 'lan.1')
        self.assertEqual(self.event('GUEST_LEFT')['mac'], pk.mac_text(station.mac))

    def test_refused_lease_is_told(self):
        self.start('dhcpstart=10.0.2.15,dhcpend=10.0.2.15')
        self.station()
        late = self.station(lease=False)
        late.send(pk.dhcp_frame(late.mac, pk.DISCOVER, xid=1))
        refused = self.event('LEASE_REFUSED')
        self.assertEqual((refused['port'], refused['mac']), ('lan.2', pk.mac_text(late.mac)))
        self.assertIn('no address', refused['reason'])

    def test_forwards_come_and_go(self):
        self.start()
        forward = self.qmp.run('hostfwd-add', rule='tcp:127.0.0.1:0-:22')
        wanted = {'netdev': 'nat', 'rule': forward['rule']}
        self.assertEqual(self.event('FORWARD_ADDED'), wanted)
        self.qmp.run('hostfwd-remove', rule=forward['rule'])
        self.assertEqual(self.event('FORWARD_REMOVED'), wanted)
        server = self.qmp.run('guestfwd-add', rule='tcp:10.0.2.100:80-tcp:127.0.0.1:80')
        self.assertEqual(self.event('FORWARD_ADDED')['rule'], server['rule'])
        self.qmp.run('guestfwd-remove', rule='tcp:10.0.2.100:80')
        self.assertEqual(self.event('FORWARD_REMOVED')['rule'], server['rule'])

    def test_what_policy_denies_is_told(self):
        self.start('deny=192.0.2.0/24')
        station = self.station()
        station.send(pk.eth(b'\x52\x55\x0a\0\x02\x02', station.mac, 0x800, pk.ipv4(
            station.ip, '192.0.2.1', 17, pk.udp(station.ip, '192.0.2.1', 5000, 53, b'x'))))
        denied = self.event('POLICY_DENIED')
        self.assertEqual((denied['mac'], denied['port'], denied['protocol'], denied['destination'],
                          denied['destination-port'], denied['rule']),
                         (pk.mac_text(station.mac), 'lan.1', 'udp', '192.0.2.1', 53,
                          'deny=192.0.2.0/24'))
        station.ping(GATEWAY)

    def test_what_policy_allows_is_told(self):
        self.start('deny=*,allow=udp:192.0.2.0/24')
        station = self.station()
        station.send_udp('192.0.2.1', 5353, b'x')
        allowed = self.event('POLICY_ALLOWED')
        self.assertEqual((allowed['mac'], allowed['port'], allowed['protocol'],
                          allowed['destination'], allowed['destination-port'], allowed['rule']),
                         (pk.mac_text(station.mac), 'lan.1', 'udp', '192.0.2.1', 5353,
                          'allow=udp:192.0.2.0/24'))

    def test_end_is_told(self):
        self.start()
        self.qmp.run('quit')
        self.assertEqual(self.event('SHUTDOWN'), {'guest': False, 'reason': 'host-qmp-quit'})
        self.lan.daemon.wait()
