# SPDX-License-Identifier: BSD-3-Clause
"""query-metrics: OpenMetrics text that Prometheus reads."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from lib.case import GATEWAY, GatewayCase
from lib.daemon import run_ctl

WEB = bytes.fromhex('525400a10001')
VALUE = r'"(?:[^"\\\n]|\\[\\n"])*"'
SAMPLE = re.compile(rf'([a-z_]+)((?:\{{[a-z]+={VALUE}(?:,[a-z]+={VALUE})*\}})?) (\d+)')


def families(text):
    """{name: (type, {labels: value})}; checks the order that OpenMetrics asks for."""
    found, name = {}, None
    lines = text.split('\n')
    assert lines[-2:] == ['# EOF', ''], lines[-2:]
    for line in lines[:-2]:
        head = re.fullmatch(r'# (HELP|TYPE|UNIT) ([a-z_]+) (.+)', line)
        if head and head[1] == 'HELP':
            name = head[2]
            assert name not in found, name
            found[name] = [None, {}]
        elif head:
            assert head[2] == name, line
            if head[1] == 'TYPE':
                found[name][0] = head[3]
            else:
                assert name.endswith('_' + head[3]), line
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == name + ('_total' if found[name][0] == 'counter' else ''), line
            assert match[2] not in found[name][1], line
            found[name][1][match[2]] = int(match[3])
    return found


class Metrics(GatewayCase):
    def setUp(self):
        self.network('deny=192.0.2.0/24', '--guest', 'web,mac=52:54:00:a1:00:01,ip=10.0.2.20')
        web = self.station(mac=WEB)
        web.send_udp('192.0.2.1', 9, b'denied')
        web.ping(GATEWAY)
        self.text = self.lan.ask('query-metrics')

    def promtool(self, words, text):
        if not shutil.which('promtool'):
            self.skipTest('promtool is not installed')
        done = subprocess.run(['promtool', *words], input=text, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_values(self):
        found = families(self.text)
        self.assertEqual(found['usernet_guests'], ['gauge', {'': 1}])
        self.assertEqual(found['usernet_leases'], ['gauge', {'': 1}])
        self.assertEqual(found['usernet_connections'][1]['{protocol="udp"}'], 0)
        port = 'netdev="lan",port="lan.1",guest="web"'
        kind, drops = found['usernet_port_dropped_frames']
        self.assertEqual((kind, drops[f'{{{port},reason="policy"}}']), ('counter', 1))
        netdevs = {each['id']: each for each in self.lan.ask('query-netdevs')}
        self.assertEqual(found['usernet_port_received_bytes'][1][f'{{{port}}}'],
                         netdevs['lan']['ports'][0]['rx-bytes'])
        self.assertEqual(set(found['usernet_port_link_up'][1]),
                         {f'{{{port}}}', '{netdev="nat",port="nat.1"}'})

    def test_usernetctl_prints_them(self):
        done = run_ctl(self.lan.folder, '--name', self.lan.name, 'metrics')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertEqual(set(families(done.stdout)), set(families(self.text)))

    def test_prometheus_reads_it(self):
        """Its reader of old samples wants each with a time."""
        stamped = re.sub(r'^([^#].*)$', r'\1 1700000000', self.text, flags=re.M)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'metrics')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(stamped)
            self.promtool(['tsdb', 'create-blocks-from', 'openmetrics', path, folder], '')

    def test_promtool_finds_no_fault(self):
        """Its check reads the older form, in which a counter's family has the _total, too."""
        counters = re.findall(r'^# TYPE (\S+) counter$', self.text, flags=re.M)
        text = re.sub(r'^# UNIT .*\n', '', self.text, flags=re.M)
        for name in counters:
            text = re.sub(rf'^(# \w+ {name}) ', r'\1_total ', text, flags=re.M)
        self.promtool(['check', 'metrics'], text)


if __name__ == '__main__':
    unittest.main()
