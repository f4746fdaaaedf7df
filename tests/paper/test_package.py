#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The Debian package builds, lintian finds no error in it, and it holds programs and pages."""
import shutil
import subprocess
import sys
import tempfile
import unittest

from paper import tree


class Package(unittest.TestCase):
    def test_package_builds_and_lintian_finds_no_error(self):
        with tempfile.TemporaryDirectory() as place:
            done = subprocess.run([tree('tools', 'packaging', 'build-deb'), '--out', place,
                                   '--lintian'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
            name, = [word for word in done.stdout.split()
                     if word.startswith('usernet_') and word.endswith('.deb')]
            listing = subprocess.run(['dpkg-deb', '--contents', f'{place}/{name}'], text=True,
                                     stdout=subprocess.PIPE, check=True).stdout
            for path in ('./usr/bin/usernet\n', './usr/bin/usernetctl\n', './usr/bin/usernet-passt\n',
                         './usr/share/man/man8/usernet.8.gz\n',
                         './usr/share/doc/usernet/examples/usernet.conf\n'):
                self.assertIn(' ' + path, listing)


if __name__ == '__main__':
    if not all(map(shutil.which, ('dpkg-buildpackage', 'dh', 'lintian'))):
        sys.exit(77)
    unittest.main()
