# SPDX-License-Identifier: BSD-3-Clause
"""
Another user of the same host, whom tests ask over the socket that USERNET_STRANGER names. Only root
can start one: tests/wire/run and tools/check do so before they become a plain user. As a program:
print the path of the socket and serve until standard input ends.
"""
import errno
import os
import pwd
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile

VARIABLE = 'USERNET_STRANGER'


def start_stranger():
    """Call it while still root; otherwise there is no stranger."""
    if os.geteuid() != 0 or VARIABLE in os.environ:
        return
    process = subprocess.Popen([sys.executable, os.path.abspath(__file__)],  # pylint: disable=consider-using-with
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    os.environ[VARIABLE] = process.stdout.readline().strip()
    # It ends with the last process that has this descriptor.
    os.set_inheritable(os.dup(process.stdin.fileno()), True)


def ask_stranger(path):
    """What another user gets when connecting to PATH: an errno, or bytes. None: there is no such
    user."""
    if VARIABLE not in os.environ:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.connect(os.environ[VARIABLE])
        sock.send(path.encode())
        answer = sock.recv(8192)
    return int(answer[1:]) if answer[:1] == b'e' else answer[1:]


def _connect(path):
    """The client's result: "e" and an errno, or "b" and the bytes received before the end."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        try:
            client.connect(path)
            return b'b' + client.recv(4096)
        except OSError as error:
            return b'e%d' % (error.errno or errno.ETIMEDOUT)


def main():
    user = pwd.getpwnam('nobody')
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    folder = tempfile.mkdtemp(prefix='usernet-stranger.')
    try:
        os.chmod(folder, 0o711)
        path = os.path.join(folder, 'socket')
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, \
                selectors.DefaultSelector() as selector:
            listener.bind(path)
            os.chmod(path, 0o666)
            listener.listen()
            print(path, flush=True)
            selector.register(listener, selectors.EVENT_READ)
            selector.register(sys.stdin, selectors.EVENT_READ)
            while sys.stdin not in [key.fileobj for key, _ in selector.select()]:
                with listener.accept()[0] as sock:
                    sock.send(_connect(sock.recv(4096).decode()))
    finally:
        shutil.rmtree(folder)


if __name__ == '__main__':
    main()
