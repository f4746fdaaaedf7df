# SPDX-License-Identifier: BSD-3-Clause
"""Faults for a daemon that runs with shim.c: which call fails, how, and what time it is."""
import ctypes
import errno
import mmap
import os

FAMILIES = ['read', 'write', 'open', 'accept', 'socket', 'files', 'wait', 'alloc', 'fork', 'watch']
SHORT = -1  # half of the bytes
# The errors that each family's calls may return.
ERRORS = {
    'read': [errno.EINTR, errno.EAGAIN, errno.EIO, errno.ENOBUFS, errno.ENOMEM, SHORT],
    'write': [errno.EINTR, errno.EAGAIN, errno.EIO, errno.ENOBUFS, errno.ENOSPC, SHORT],
    'open': [errno.EMFILE, errno.ENOMEM],
    'accept': [errno.ECONNABORTED, errno.EINTR, errno.EMFILE, errno.ENOBUFS],
    'socket': [errno.ENOBUFS, errno.ENOMEM],
    'files': [errno.ENOSPC, errno.EIO],
    'wait': [errno.EINTR],
    'watch': [errno.ENOMEM, errno.ENOSPC],
    'alloc': [errno.ENOMEM],
    'fork': [errno.EAGAIN],
}


class _Control(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int32) for name in
                ('armed', 'error', 'left', 'failed', 'length', 'unused')] + \
               [(name, ctypes.c_int64) for name in ('realtime', 'monotonic')]


def error_name(error):
    return 'short' if error == SHORT else errno.errorcode[error]


class Shim:
    """environment is for the daemon."""

    def __init__(self, path):
        with open(path, 'w+b') as file:
            file.write(bytes(4096))
            file.flush()
            self.page = mmap.mmap(file.fileno(), 4096)
        self.control = _Control.from_buffer(self.page)
        self.environment = {'LD_PRELOAD': os.environ['USERNET_FAULT_SHIM'], 'FAULT_CONTROL': path}

    def arm(self, family, error, n, length=1):
        """The n-th call from now fails, and those behind it."""
        self.control.left = 0
        self.control.armed = 1 << FAMILIES.index(family)
        self.control.error = error
        self.control.failed = 0
        self.control.length = length
        self.control.left = n

    def disarm(self):
        """The number of calls that failed."""
        self.control.left = 0
        return self.control.failed

    def set_clocks(self, realtime=0, monotonic=0):
        """Seconds from the real ones."""
        self.control.realtime, self.control.monotonic = realtime, monotonic
