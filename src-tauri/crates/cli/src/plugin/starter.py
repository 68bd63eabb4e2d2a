#!/usr/bin/env python3
"""PLUGIN_ID: a plugin to begin with. It shows one fact on this machine's host."""

import argparse
import json
import os
import signal
import socketserver
import sys
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler

ID = "PLUGIN_ID"


def report():
    """What is known now. It is asked for every second and has to be ready within half a second."""
    now = datetime.now(timezone.utc).isoformat()
    host = os.uname().nodename + ";<host>"  # the id that the host probe reports: both become one node
    return {
        "Host": {
            "nodes": {host: {"latest": {ID + "-greeting": {"timestamp": now, "value": "hello"}}}},
            "metadata_templates": {
                ID + "-greeting": {"id": ID + "-greeting", "label": "Greeting", "priority": 5, "from": "latest"}
            },
        },
        "Plugins": [
            {"id": ID, "label": ID, "description": "Greets", "interfaces": ["reporter"], "api_version": "1"}
        ],
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        found = self.path.split("?")[0] == "/report"
        body = json.dumps(report()).encode() if found else b"{}"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "peer"  # a UNIX socket's peer has no address

    def log_message(self, *_):
        pass  # a line a second would help nobody


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser(prog=ID, description=__doc__)
    parser.add_argument("--socket", required=True, help="path to listen on")
    path = parser.parse_args().socket
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
    if os.path.exists(path):
        os.unlink(path)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Server(path, Handler) as server:
        print("listening on", path, file=sys.stderr, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            if os.path.exists(path):
                os.unlink(path)


if __name__ == "__main__":
    main()
