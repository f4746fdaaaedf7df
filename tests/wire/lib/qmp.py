# SPDX-License-Identifier: BSD-3-Clause
"""A QMP client that checks every byte: replies, events, greeting as received."""

import json
import os
import socket
import time

SECONDS = 60 if "USERNET_WRAPPER" in os.environ else 15


class QmpError(Exception):
    def __init__(self, error):
        super().__init__(f"{error['class']}: {error['desc']}")
        self.kind = error["class"]
        self.desc = error["desc"]


class Qmp:
    def __init__(self, path, negotiate=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.connect(path)
        self.buffer = b""
        self.events = []
        self.greeting = self.read()
        if negotiate:
            self.run("qmp_capabilities")

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def send_fd(self, data, fd):
        socket.send_fds(self.socket, [data.encode()], [fd])

    def read(self):
        """The next message, or None at the end."""
        while b"\r\n" not in self.buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return json.loads(line)

    def answer(self):
        """The next message that is not an event; events are kept."""
        while True:
            message = self.read()
            if message is None or "event" not in message:
                return message
            self.events.append(message)

    def ask(self, data):
        self.send(data)
        return self.answer()

    def run(self, command, **arguments):
        """Runs COMMAND and returns its result; "_" in an argument's name stands for "-"."""
        request = {"execute": command}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value
                                    for key, value in arguments.items()}
        message = self.ask(json.dumps(request))
        if message is None:
            raise EOFError(command)
        if "error" in message:
            raise QmpError(message["error"])
        return message["return"]

    def hmp(self, line):
        return self.run("human-monitor-command", command_line=line)

    def event(self, name):
        """Waits for the next event called NAME and returns it; earlier ones are dropped."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            message = self.events.pop(0) if self.events else self.read()
            if message is None:
                raise EOFError(name)
            if message.get("event") == name:
                return message
        raise TimeoutError(name)

    def at_end(self):
        """True when the other side has closed; its data before that is dropped."""
        while True:
            if self.read() is None:
                return True

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
