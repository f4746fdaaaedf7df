#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""meson install: programs, pages, completions, unit and example are where they are looked for."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

WANTED = """
bin/usernet
bin/usernet-passt
bin/usernetctl
lib/systemd/user/usernet@.service
lib/systemd/user/usernet@.socket
share/bash-completion/completions/usernet
share/bash-completion/completions/usernet-passt
share/bash-completion/completions/usernetctl
share/doc/usernet/examples/usernet.conf
share/fish/vendor_completions.d/usernet-passt.fish
share/fish/vendor_completions.d/usernet.fish
share/fish/vendor_completions.d/usernetctl.fish
share/man/man1/usernet-passt.1
share/man/man1/usernetctl.1
share/man/man5/usernet.conf.5
share/man/man7/usernet-qmp.7
share/man/man8/usernet.8
share/zsh/site-functions/_usernet
""".split()


class Install(unittest.TestCase):
    def test_everything_is_installed(self):
        build = os.environ['USERNET_BUILD']
        if not os.access(os.path.join(build, 'meson-logs'), os.W_OK):
            sys.exit(77) # the build belongs to another user
        with tempfile.TemporaryDirectory() as place:
            subprocess.run(['meson', 'install', '-C', build, '--no-rebuild', '--destdir', place],
                           check=True, stdout=subprocess.DEVNULL)
            bin_dir, = [base for base, _, files in os.walk(place) if 'usernetctl' in files
                        and os.path.basename(base) == 'bin']
            prefix = os.path.dirname(bin_dir)
            found = {os.path.relpath(os.path.join(base, name), prefix)
                     for base, _, files in os.walk(prefix) for name in files}
            self.assertEqual(set(WANTED) - found, set())
            self.verify_unit(prefix)

    def verify_unit(self, prefix):
        """systemd-analyze has no complaint of the units, as instance "lab"."""
        if not shutil.which('systemd-analyze'):
            return
        with open(os.path.join(prefix, 'lib/systemd/user/usernet@.service'),
                  encoding='utf-8') as file:
            text = re.sub(r'ExecStart=\S*/', f'ExecStart={prefix}/bin/', file.read())
        unit = os.path.join(prefix, 'usernet@lab.service')
        with open(unit, 'w', encoding='utf-8') as file:
            file.write(text)
        door = os.path.join(prefix, 'usernet@lab.socket')
        shutil.copy(os.path.join(prefix, 'lib/systemd/user/usernet@.socket'), door)
        done = subprocess.run(['systemd-analyze', '--user', '--man=no', 'verify', unit, door],
                              text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              env={**os.environ, 'XDG_RUNTIME_DIR': prefix})
        self.assertEqual((done.returncode, done.stdout), (0, ''))


if __name__ == '__main__':
    unittest.main()
