#!/usr/bin/env python3
"""A publisher for tasks: sends values to Graphite's carbon as lines of text, with Python's standard library alone.

A task sends `POST /publish` with its config and samples. An answer with status 503 means "later": the task keeps the
samples and sends them again.
"""

import argparse
import json
import os
import re
import socket
import socketserver
from http.server import BaseHTTPRequestHandler

ID = "graphite"
BODY_BYTES_MAX = 64 * 1024 * 1024
CARBON_TIMEOUT_S = 1.5

REPORT = {
    "Plugins": [
        {
            "id": ID,
            "label": "Graphite",
            "description": "Sends the values of tasks to Graphite",
            "interfaces": ["reporter", "publisher"],
            "api_version": "1",
        }
    ]
}


def word(text):
    """A part of a path: what separates or means something there is replaced."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_") or "none"


def line(prefix, sample):
    """A sample as carbon reads it: path, value, seconds since the epoch."""
    path = ".".join(word(sample[part]) for part in ("plugin", "topology", "node", "metric"))
    return f"{prefix}.{path} {sample['value']!r} {sample['at_ms'] // 1000}\n"


class Answer(BaseHTTPRequestHandler):
    """What the host asks for."""

    timeout = 30

    def do_GET(self):
        """Readiness: an empty report that says who this is."""
        if self.path.partition("?")[0] == "/report":
            self.answer(200, REPORT)
        else:
            self.answer(404, {})

    def do_POST(self):
        """Takes samples, or says that it cannot at present."""
        if self.path != "/publish":
            return self.answer(404, {})
        length = int(self.headers.get("Content-Length", 0))
        if length > BODY_BYTES_MAX:
            return self.answer(413, {})
        try:
            asked = json.loads(self.rfile.read(length))
            config = asked.get("config") or {}
            address = (config["host"], int(config.get("port", 2003)))
            lines = "".join(line(config.get("prefix", "orrery"), sample) for sample in asked["samples"])
        except (ValueError, KeyError, TypeError) as error:
            return self.answer(200, {"error": f"cannot be understood: {error!r}"})
        try:
            with socket.create_connection(address, CARBON_TIMEOUT_S) as carbon:
                carbon.sendall(lines.encode())
        except OSError:
            return self.answer(503, {})
        return self.answer(200, {})

    def answer(self, status, value):
        """Sends JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        """A peer on a UNIX socket has no address."""
        return "peer"

    def log_message(self, *_):
        """Quiet."""


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Each call on a thread of its own: carbon may take its time."""

    daemon_threads = True


def main():
    """Serves on the socket that the host names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    path = parser.parse_args().socket
    if os.path.exists(path):
        os.unlink(path)
    with Server(path, Answer) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
