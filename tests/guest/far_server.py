# SPDX-License-Identifier: BSD-3-Clause
"""The far side of a test: serves FOLDER by HTTP at port 80 and HTTPS at 443, and echoes at 7, on
every address of its network namespace. Usage: far_server.py FOLDER CERTIFICATE KEY"""

import http.server
import socket
import socketserver
import ssl
import sys
import threading

FOLDER, CERTIFICATE, KEY = sys.argv[1:]


class Files(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments):
        super().__init__(*arguments, directory=FOLDER)


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
    context = None

    def get_request(self):
        conn, peer = super().get_request()
        if self.context:
            # The handshake is made by the thread that reads.
            conn = self.context.wrap_socket(conn, server_side=True, do_handshake_on_connect=False)
        return conn, peer

    def handle_error(self, request, client_address):
        """A connection that was reset."""


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    for port, handler in ((80, Files), (443, Files), (7, Echo)):
        server = Server(("::", port), handler)
        server.context = context if port == 443 else None
        threading.Thread(target=server.serve_forever, daemon=port != 7).start()


if __name__ == "__main__":
    main()
