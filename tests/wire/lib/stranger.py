# SPDX-License-Identifier: BSD-3-Clause
"""
Another user of the same host. Only root can have one: tests/wire/run starts it before it becomes a
plain user, and tests ask it over the socket that USERNET_STRANGER_FD names.
"""
import os
import pwd
import socket

VARIABLE = 'USERNET_STRANGER_FD'


def start_stranger():
    """Call it while still root; otherwise there is no stranger."""
    if os.geteuid() != 0 or VARIABLE in os.environ:
        return
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        user = pwd.getpwnam('nobody')
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        _serve(theirs)
        os._exit(0)  # pylint: disable=protected-access
    theirs.close()
    os.set_inheritable(ours.fileno(), True)
    os.environ[VARIABLE] = str(ours.detach())


def _serve(sock):
    while path := sock.recv(4096):
        sock.send(repr(_connect(path.decode())).encode())


def _connect(path):
    """The client's result: an errno, or the bytes received before the end."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        try:
            client.connect(path)
            return client.recv(4096)
        except OSError as error:
            return error.errno


def ask_stranger(path):
    """What another user gets when connecting to PATH: an errno, or bytes. None: there is no such
    user."""
    if VARIABLE not in os.environ:
        return None
    with socket.socket(fileno=os.dup(int(os.environ[VARIABLE]))) as sock:
        sock.send(path.encode())
        answer = sock.recv(8192).decode()
    return int(answer) if answer.isdigit() else eval(answer)  # pylint: disable=eval-used
