# SPDX-License-Identifier: BSD-3-Clause
"""A network under test and the directory it lives in: starts, stops, is asked about its ports."""
import os
import resource
import shutil

from .daemon import Daemon, Folder, run_daemon
from .wait import until


def with_offload(option):
    """Unless the test says which, a user netdev gets offload= from the environment."""
    asked = os.environ.get('USERNET_TEST_OFFLOAD')
    if not asked or not option.startswith('user,') or 'offload=' in option:
        return option
    return f'{option},offload={asked}'


class Network:
    """
    "{dir}" in an option is a fresh directory that close() removes. Ready when the constructor returns; it
    must end by SIGTERM with status 0. files: how many descriptors it may have; address_space: how
    many bytes.
    """

    def __init__(self, *options, name='test', fds=(), start=True, files=None,
                 address_space=None, environment=None):
        self.folder = Folder()
        self.name = name
        self.fds = tuple(fds)
        self.files = files
        self.address_space = address_space
        self.environment = environment
        self.options = [with_offload(o.replace('{dir}', self.folder.path)) for o in options]
        self.daemon = None
        if start:
            try:
                self.start()
            except BaseException:
                self.folder.close()
                raise

    def path(self, *names):
        return self.folder.file(*names)

    def start(self):
        def limit():
            if self.files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))
            if self.address_space:
                resource.setrlimit(resource.RLIMIT_AS, (self.address_space, self.address_space))
        self.daemon = Daemon(self.folder, *self.options, name=self.name, pass_fds=self.fds,
                             environment=self.environment,
                             preexec_fn=limit if self.files or self.address_space else None)

    def memory(self):
        """VmRSS, in bytes."""
        with open(f'/proc/{self.daemon.pid}/status', encoding='ascii') as status:
            for line in status:
                if line.startswith('VmRSS:'):
                    return int(line.split()[1]) * 1024
        raise AssertionError('no VmRSS')

    def cpu_seconds(self):
        with open(f'/proc/{self.daemon.pid}/stat', encoding='ascii') as stat:
            fields = stat.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')  # proc(5)

    def refused(self):
        """Starts a daemon that must not start: returns its status and output."""
        done = run_daemon(self.folder, '--name', self.name, *self.options, pass_fds=self.fds)
        return done.returncode, done.stderr

    def ask(self, command, **arguments):
        with self.daemon.qmp() as qmp:
            return qmp.run(command, **arguments)

    def ports(self, netdev):
        """The ports of this netdev in query-netdevs, by name ("lan.1")."""
        for entry in self.ask('query-netdevs'):
            if entry['id'] == netdev:
                return {port['name']: port for port in entry['ports']}
        raise KeyError(netdev)

    def wait_for_ports(self, netdev, n):
        until(lambda: len(self.ports(netdev)) == n, f'{n} ports at {netdev}')

    def stop(self):
        daemon, self.daemon = self.daemon, None
        status = daemon.stop()
        if status:
            raise AssertionError(f'ended with status {status}: {daemon.errors()}')

    def kill(self):
        self.daemon.kill()
        self.daemon = None

    def close(self):
        """Ends it if it runs, as stop does, and always removes the directory."""
        try:
            if self.daemon:
                self.stop()
        finally:
            shutil.rmtree(self.folder.path, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
