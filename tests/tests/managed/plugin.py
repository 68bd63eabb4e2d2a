#!/usr/bin/env python3
"""A reporter that knows nothing of Orrery: plugin.py SOCKET ID WAY..., where each way is a word or WORD=VALUE."""
import datetime, http.server, json, os, socketserver, sys, threading, time

path, name = sys.argv[1:3]
ways = dict((way.split("=", 1) + [""])[:2] for way in sys.argv[3:])
word = ways.get("word", "")
print("the", name, "is", word, flush=True)
if "exit" in ways:
    print("no bulb", file=sys.stderr)
    sys.exit(int(ways["exit"]))
if "proof" in ways:
    # Who it is, what it is told, and how often it has started: all that its account has to be able to do.
    with open("kept", "a") as kept:
        kept.write("x")
    with open("/dev/stderr", "w") as again:
        again.write("opened again\n")
    with open(os.environ["TMPDIR"] + "/scratch", "w") as scratch:
        scratch.write("x")
    told = json.load(open(os.environ["ORRERY_CONFIG_FILE"]))
    word = "%d %s %d" % (os.getuid(), told["colour"], os.path.getsize("kept"))
if "told" in ways:
    with open(ways["told"], "a") as kept:
        given = os.environ.get("ORRERY_CONFIG_FILE")
        kept.write(json.dumps(json.load(open(given)) if given else None) + "\n")
if "ignore-term" in ways:
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "fork" in ways and os.fork() == 0:
    # A grandchild in a session of its own, that nobody is the parent of.
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    while True:
        time.sleep(1)
if "never-bind" in ways:
    time.sleep(3600)
time.sleep(float(ways.get("late", 0)))
if "flood" in ways:
    def flood():
        while True:
            sys.stderr.write(("x" * 100 + "\n") * 1000)
    threading.Thread(target=flood, daemon=True).start()
if "line" in ways:
    sys.stderr.write("y" * int(ways["line"]) + "\n")
if "die" in ways:
    def die():
        time.sleep(float(ways["die"]))
        print("the bulb blew", file=sys.stderr, flush=True)
        os._exit(9)
    threading.Thread(target=die, daemon=True).start()
if "eat" in ways:
    def eat():
        time.sleep(1)
        eaten = []
        for _ in range(int(ways["eat"])):
            eaten.append(b"x" * (1 << 20))
            time.sleep(0.002)
        time.sleep(3600)
    threading.Thread(target=eat, daemon=True).start()


def there(way):
    """Whether the file that a way names is there."""
    return way in ways and os.path.exists(ways[way])


class Plugin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "peer"

    def log_message(self, *_):
        pass

    def send(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/health") and there("health"):
            status, body = open(ways["health"]).read().split(" ", 1)
            return self.send(int(status), body.encode())
        if self.path == "/describe" and "describe" in ways:
            return self.send(200, ways["describe"].encode())
        if not self.path.startswith("/report"):
            return self.send(404, b"{}")
        if "reports" in ways:
            with open(ways["reports"], "a") as reports:
                reports.write("x\n")
        if "hang" in ways or there("hang-when"):
            time.sleep(3600)
        if "html" in ways:
            return self.send(200, b"<html>Welcome!</html>", "text/html")
        if "huge" in ways:
            return self.send(200, b'{"x":"' + b"x" * int(ways["huge"]) + b'"}')
        time.sleep(float(ways.get("slow", 0)))
        self.send(200, json.dumps(self.report(42)).encode())

    def report(self, value):
        node = {"latest": {"word": {"timestamp": "2026-11-21T00:00:00Z", "value": word}}}
        spec = {
            "id": ways.get("id", "impostor" if there("turn") else name),
            "label": "" if "no-label" in ways else name,
            "interfaces": ["controller"] if "no-reporter" in ways else ["reporter"] + ["describe"] * ("describe" in ways),
            "api_version": ways.get("api", "1"),
        }
        specs = [spec, dict(spec, id="second")] if "two" in ways else [spec]
        hosts = {"nodes": {name + "host;<host>": node}}
        if "metric" in ways:
            now = datetime.datetime.now(datetime.timezone.utc).isoformat()
            sample = {"date": now, "value": value}
            node["metrics"] = {ways["metric"]: {"samples": [sample], "min": 0, "max": 100}}
            template = {"id": ways["metric"], "label": "A metric", "format": "percent"}
            hosts["metric_templates"] = {ways["metric"]: template}
        return {"Host": hosts, "Plugins": specs}

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/collect") and "collect" in ways:
            return self.collect(body)
        if there("events"):
            with open(ways["events"], "ab") as events:
                events.write(self.path.encode() + b" " + body + b"\n")
            return self.send(200, b"{}")
        self.send(404, b"{}")


    def collect(self, body):
        with open(ways["collect"], "ab") as asked:
            asked.write(body + b"\n")
        while "gate" in ways and not there("gate"):
            time.sleep(0.02)
        rate = json.loads(body)["config"]["sample_rate"]
        if rate == 13:
            return self.send(200, b'{"error": "there is no rate of 13"}')
        report = self.report(rate)
        # A node that is in no report to everybody.
        report["Host"]["nodes"]["asked;<host>"] = {}
        self.send(200, json.dumps(report).encode())


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def server_bind(self):
        if "listen-fd" in ways:
            import socket
            self.socket.close()
            self.socket = socket.socket(fileno=3)
        else:
            super().server_bind()


Server(path, Plugin).serve_forever()
