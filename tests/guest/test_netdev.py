#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A real guest on one kind of netdev: lease, ping of the gateway, 10 MB through the NAT, a forward
into the guest. Usage: test_netdev.py KIND"""

import random
import socket
import sys

from lab import Lab, expect, expect_stopped_cleanly, free_port


class Wire:
    """The two ends of one attachment: ours, QEMU's, and the descriptors each is given."""

    def __init__(self, ours, qemus, our_fds=(), qemu_fds=()):
        self.ours = ours
        self.qemus = qemus
        self.our_fds = our_fds
        self.qemu_fds = qemu_fds


def unix(lab, name):
    return f"addr.type=unix,addr.path={lab.path(name)}"


def inet(port):
    return f"addr.type=inet,addr.host=127.0.0.1,addr.port={port}"


def multicast_group():
    """An address of the organisation-local scope (RFC 2365 section 6.2), so tests do not meet."""
    return "239.192.%d.%d" % (random.randrange(256), random.randrange(1, 255))


def stream_client(lab):
    return Wire("stream,id=lan,server=on," + unix(lab, "lan.sock"),
                "stream,id=n0,server=off," + unix(lab, "lan.sock"))


def stream_server(lab):
    return Wire("stream,id=lan,server=off," + unix(lab, "qemu.sock"),
                "stream,id=n0,server=on," + unix(lab, "qemu.sock"))


def stream_tcp(_):
    port = free_port()
    return Wire("stream,id=lan,server=on," + inet(port), "stream,id=n0,server=off," + inet(port))


def stream_fd(_):
    ours, qemus = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Wire(f"stream,id=lan,addr.type=fd,addr.str={ours.fileno()}",
                f"stream,id=n0,addr.type=fd,addr.str={qemus.fileno()}", (ours,), (qemus,))


def dgram_unix(lab):
    """Our server without a remote: a port per sender."""
    return Wire(f"dgram,id=lan,local.type=unix,local.path={lab.path('lan.dgram')}",
                f"dgram,id=n0,local.type=unix,local.path={lab.path('qemu.dgram')},"
                f"remote.type=unix,remote.path={lab.path('lan.dgram')}")


def dgram_unix_pair(lab):
    ours, qemus = lab.path("lan.dgram"), lab.path("qemu.dgram")
    return Wire(f"dgram,id=lan,local.type=unix,local.path={ours},"
                f"remote.type=unix,remote.path={qemus}",
                f"dgram,id=n0,local.type=unix,local.path={qemus},"
                f"remote.type=unix,remote.path={ours}")


def dgram_inet(_):
    ours, qemus = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    end = "%s.type=inet,%s.host=127.0.0.1,%s.port=%d"
    return Wire("dgram,id=lan," + end % (("local",) * 3 + (ours,)) + ","
                + end % (("remote",) * 3 + (qemus,)),
                "dgram,id=n0," + end % (("local",) * 3 + (qemus,)) + ","
                + end % (("remote",) * 3 + (ours,)))


def dgram_multicast(_):
    bus = (f"remote.type=inet,remote.host={multicast_group()},"
           f"remote.port={free_port(socket.SOCK_DGRAM)},"
           "local.type=inet,local.host=127.0.0.1,local.port=0")
    return Wire("dgram,id=lan," + bus, "dgram,id=n0," + bus)


def dgram_fd(_):
    ours, qemus = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return Wire(f"dgram,id=lan,local.type=fd,local.str={ours.fileno()}",
                f"dgram,id=n0,local.type=fd,local.str={qemus.fileno()}", (ours,), (qemus,))


def socket_connect(_):
    port = free_port()
    return Wire(f"socket,id=lan,listen=127.0.0.1:{port}",
                f"socket,id=n0,connect=127.0.0.1:{port}")


def socket_listen(_):
    port = free_port()
    return Wire(f"socket,id=lan,connect=127.0.0.1:{port}",
                f"socket,id=n0,listen=127.0.0.1:{port}")


def socket_udp(_):
    ours, qemus = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    return Wire(f"socket,id=lan,udp=127.0.0.1:{qemus},localaddr=127.0.0.1:{ours}",
                f"socket,id=n0,udp=127.0.0.1:{ours},localaddr=127.0.0.1:{qemus}")


def socket_multicast(_):
    bus = f"mcast={multicast_group()}:{free_port(socket.SOCK_DGRAM)},localaddr=127.0.0.1"
    return Wire("socket,id=lan," + bus, "socket,id=n0," + bus)


def socket_fd(_):
    ours, qemus = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Wire(f"socket,id=lan,fd={ours.fileno()}", f"socket,id=n0,fd={qemus.fileno()}",
                (ours,), (qemus,))


KINDS = {
    "stream-client": stream_client,
    "stream-server": stream_server,
    "stream-tcp": stream_tcp,
    "stream-fd": stream_fd,
    "dgram-unix": dgram_unix,
    "dgram-unix-pair": dgram_unix_pair,
    "dgram-inet": dgram_inet,
    "dgram-multicast": dgram_multicast,
    "dgram-fd": dgram_fd,
    "socket-connect": socket_connect,
    "socket-listen": socket_listen,
    "socket-udp": socket_udp,
    "socket-multicast": socket_multicast,
    "socket-fd": socket_fd,
}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in KINDS:
        sys.exit(__doc__ + "\nKINDs: " + " ".join(KINDS))
    with Lab() as lab:
        web = lab.web_server()
        forwarded = free_port()
        wire = KINDS[sys.argv[1]](lab)
        daemon = lab.usernet(
            "--netdev", f"user,id=nat,hostfwd=tcp:127.0.0.1:{forwarded}-:80",
            "--netdev", wire.ours, pass_fds=[end.fileno() for end in wire.our_fds])
        guest = lab.guest("guest", wire.qemus, pass_fds=[end.fileno() for end in wire.qemu_fds])
        for end in (*wire.our_fds, *wire.qemu_fds):
            end.close()

        expect(guest.lease(), "10.0.2.15", "the first address of the pool")
        guest.ping("10.0.2.2", count=3)
        expect(guest.fetch_sha256(f"http://10.0.2.2:{web.port}/data"), web.sha256, "checksum")
        guest.serve("forwarded")
        expect(lab.fetch(f"http://127.0.0.1:{forwarded}/"), b"forwarded", "page of the guest")
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main()
