#!/usr/bin/env python3
"""A plugin that calls its host: plugin.py SOCKET ID [FILE], where FILE gets the events that it is told."""
import http.client, http.server, json, os, socket, socketserver, sys, threading, time, urllib.parse

path, name = sys.argv[1:3]
told = sys.argv[3] if len(sys.argv) > 3 else None
if told and os.path.exists(told + ".broken"):
    sys.exit("no bulb")


class Host(http.client.HTTPConnection):
    """What Orrery serves to plugins that it runs."""

    def __init__(self, where=None):
        super().__init__("orrery", timeout=60)
        self.where = where or os.environ["ORRERY_HOST_SOCKET"]

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.where)


def ask(method, address, headers=None, where=None, body=None):
    token = {"Authorization": "Bearer " + os.environ["ORRERY_HOST_TOKEN"]}
    host = Host(where)
    host.request(method, address, body=body, headers=token if headers is None else headers)
    answer = host.getresponse()
    return answer


def follow():
    token = os.environ["ORRERY_HOST_TOKEN"]
    events = ask("GET", "/api/events", {"Authorization": "Bearer " + token, "Accept": "text/event-stream"})
    with open(told, "ab", buffering=0) as file:
        file.write(b"%d\n" % events.status)
        for line in events:
            file.write(line)


class Plugin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "peer"

    def log_message(self, *_):
        pass

    def send(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def ticks(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        while True:
            self.wfile.write(b"data: %d\n\n" % os.getpid())
            time.sleep(0.1)

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(address.query))
        if address.path == "/ticks":
            return self.ticks()
        if address.path == "/token":
            return self.send({"token": os.environ["ORRERY_HOST_TOKEN"], "socket": os.environ["ORRERY_HOST_SOCKET"]})
        if address.path == "/ask":
            headers = {} if "anonymous" in asked else None
            answer = ask(asked.get("method", "GET"), asked["path"], headers, asked.get("where"), asked.get("body"))
            return self.send({"status": answer.status, "body": answer.read().decode()})
        if address.path == "/report":
            spec = {"id": name, "label": name, "interfaces": ["reporter"], "api_version": "1"}
            return self.send({"Plugins": [spec]})
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


if told:
    threading.Thread(target=follow, daemon=True).start()
Server(path, Plugin).serve_forever()
