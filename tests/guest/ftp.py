# SPDX-License-Identifier: BSD-3-Clause
"""An FTP server on the host's loopback, as much of RFC 959 as a client that fetches needs."""

import socket
import threading


class FtpServer:
    def __init__(self, files, port=21):
        self.files = files
        self.active_failed = 0
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def close(self):
        self.listener.close()

    def serve(self, client):
        passive, active = None, None
        with client, client.makefile("rwb") as stream:
            def say(text):
                stream.write(text.encode() + b"\r\n")
                stream.flush()

            say("220 ready")
            for line in stream:
                word, _, rest = line.decode().strip().partition(" ")
                word = word.upper()
                if word in ("PASV", "EPSV"):
                    passive = socket.create_server(("127.0.0.1", 0))
                    port = passive.getsockname()[1]
                    say(f"229 (|||{port}|)" if word == "EPSV" else
                        f"227 (127,0,0,1,{port >> 8},{port & 255})")
                elif word == "PORT":
                    numbers = rest.split(",")
                    active = ".".join(numbers[:4]), int(numbers[4]) << 8 | int(numbers[5])
                    say("200 ok")
                elif word == "SIZE":
                    say(f"213 {len(self.files[rest])}" if rest in self.files else "550 no")
                elif word == "RETR" and rest in self.files:
                    data = self.data_connection(passive, active)
                    if not data:
                        say("425 no data connection")
                        continue
                    say("150 here")
                    with data:
                        data.sendall(self.files[rest])
                    say("226 done")
                elif word == "QUIT":
                    say("221 bye")
                    return
                else:
                    say({"USER": "331 which", "PASS": "230 in", "TYPE": "200 ok"}.get(word, "502 no"))

    def data_connection(self, passive, active):
        try:
            if passive:
                passive.settimeout(30)
                return passive.accept()[0]
            return socket.create_connection(active, 1)
        except OSError:
            self.active_failed += 1
            return None
