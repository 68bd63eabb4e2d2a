#!/usr/bin/env python3
"""A Scope plugin that knows nothing of Orrery: one node, on a socket that it is told of."""

import http.server
import json
import os
import socketserver
import sys
import time

path, mood = sys.argv[1], sys.argv[2]
print("the lantern is", mood, flush=True)
config = os.environ.get("ORRERY_CONFIG_FILE")
if config and os.path.exists(config):
    with open(config, encoding="utf-8") as file:
        print("config:", " ".join(file.read().split()), flush=True)
if mood == "broken":
    sys.exit("there is no wick")


class Lantern(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "peer"

    def log_message(self, *_):
        pass

    def do_GET(self):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        node = {"lanternhost;<host>": {"latest": {"lantern": {"timestamp": now, "value": mood}}}}
        spec = {"id": "lantern", "label": "Lantern", "interfaces": ["reporter"], "api_version": "1"}
        body = json.dumps({"Host": {"nodes": node}, "Plugins": [spec]}).encode()
        self.send_response(200 if self.path.startswith("/report") else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


Server(path, Lantern).serve_forever()
