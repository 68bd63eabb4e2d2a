#!/usr/bin/env python3
"""A Scope plugin that shows how many volumes are mounted into each running container.

It is the smallest useful plugin: Python's standard library, one socket, one metadata row. docs/plugins.md
walks through it.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path

ID = "volume-count"
ROW = "volume-count-volumes-number"

# The host waits half a second for a report, so the engine is asked in the background.
LOOK_EVERY_S = 2.0
ENGINE_TIMEOUT_S = 5.0
ENGINE_BYTES_MAX = 16 * 1024 * 1024


class EngineError(Exception):
    """The container engine cannot be asked; says why."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path):
        super().__init__("engine", timeout=ENGINE_TIMEOUT_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def engine_socket(environment):
    """Path of a Docker-compatible engine's socket: DOCKER_HOST, else the first usual place that exists."""
    host = environment.get("DOCKER_HOST", "")
    if host:
        if not host.startswith("unix://"):
            raise EngineError(f"DOCKER_HOST is {host}, and only unix:// is understood")
        return host.removeprefix("unix://")
    runtime = environment.get("XDG_RUNTIME_DIR", "/nonexistent")
    home = environment.get("HOME", "/nonexistent")
    places = [
        "/var/run/docker.sock",
        f"{runtime}/docker.sock",
        f"{home}/.docker/desktop/docker.sock",
        f"{runtime}/podman/podman.sock",
        "/run/podman/podman.sock",
    ]
    for place in places:
        if os.path.exists(place):
            return place
    raise EngineError("no container engine: looked for " + ", ".join(places))


def count_volumes(path):
    """Number of mounted volumes of each running container, by container id."""
    connection = UnixConnection(path)
    try:
        connection.request("GET", "/containers/json")
        answer = connection.getresponse()
        body = answer.read(ENGINE_BYTES_MAX + 1)
        if answer.status != 200:
            raise EngineError(f"the engine at {path} answered {answer.status}")
        if len(body) > ENGINE_BYTES_MAX:
            raise EngineError(f"the engine at {path} answered with more than {ENGINE_BYTES_MAX} bytes")
        containers = json.loads(body)
        return {
            container["Id"]: sum(1 for mount in container.get("Mounts") or [] if mount.get("Type", "volume") == "volume")
            for container in containers
        }
    except (OSError, http.client.HTTPException) as error:
        raise EngineError(f"the engine at {path} cannot be asked: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(f"the engine at {path} answered something else: {error!r}") from error
    finally:
        connection.close()


def make_report(counts, trouble):
    """The report: one row on every container's node, and what this plugin is."""
    now = datetime.now(timezone.utc).isoformat()
    description = "Counts the volumes mounted into each container"
    if trouble:
        description += f"; at present: {trouble}"
    return {
        "Container": {
            "nodes": {
                # The id that the container probe reports: both reports become one node.
                f"{container};<container>": {"latest": {ROW: {"timestamp": now, "value": str(count)}}}
                for container, count in counts.items()
            },
            "metadata_templates": {
                ROW: {"id": ROW, "label": "# Volumes", "priority": 13.0, "dataType": "number", "from": "latest"},
            },
        },
        "Plugins": [
            {
                "id": ID,
                "label": "Volume count",
                "description": description,
                "interfaces": ["reporter"],
                "api_version": "1",
            }
        ],
    }


class Watcher:
    """Asks the engine again and again, and keeps the last answer."""

    def __init__(self, environment):
        self.environment = environment
        self.lock = threading.Lock()
        self.counts = {}
        self.trouble = "the engine has not been asked yet"

    def look(self):
        """Asks once."""
        try:
            counts, trouble = count_volumes(engine_socket(self.environment)), None
        except EngineError as error:
            counts, trouble = {}, str(error)
        with self.lock:
            self.counts, self.trouble = counts, trouble

    def run(self):
        """Asks for ever."""
        while True:
            self.look()
            time.sleep(LOOK_EVERY_S)

    def report(self):
        """The report of the last answer."""
        with self.lock:
            return make_report(self.counts, self.trouble)


class Server(socketserver.ThreadingUnixStreamServer):
    """Listens, as a rule in a folder of its own, `<id>/<id>.sock`, which nobody but the owner may enter."""

    daemon_threads = True

    def __init__(self, path, watcher):
        self.socket_path = Path(path)
        self.folder = self.socket_path.parent
        self.own_folder = self.folder.name == self.socket_path.stem
        self.watcher = watcher
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.own_folder:
            self.folder.chmod(0o700)
        self.remove_stale()
        super().__init__(str(self.socket_path), Handler)

    def remove_stale(self):
        """A killed plugin leaves its socket behind; a living one keeps it."""
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            probe.connect(str(self.socket_path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            self.socket_path.unlink()
            return
        finally:
            probe.close()
        raise OSError(f"another {ID} plugin listens on {self.socket_path} already")

    def clean_up(self):
        """Removes the socket and its folder: otherwise the host shows a plugin that does not answer."""
        self.server_close()
        self.socket_path.unlink(missing_ok=True)
        if self.own_folder:
            with contextlib.suppress(OSError):  # not empty, or gone already
                self.folder.rmdir()


class Handler(BaseHTTPRequestHandler):
    """Answers GET /report."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """A report, or 404."""
        if self.path.split("?")[0] != "/report":
            self.send_error(404)
            return
        body = json.dumps(self.server.watcher.report()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        """A peer on a UNIX socket has no address."""
        return "peer"

    def log_message(self, *_):
        """One line a second would help nobody."""


class Stopped(BaseException):
    """A signal asked for the end. Not an Exception: the server would take it for a handler's and go on."""


def stop(*_):
    """Ends the serving loop from a signal."""
    raise Stopped


def main():
    """Runs until a signal or an error."""
    parser = argparse.ArgumentParser(prog=ID, description=__doc__.splitlines()[0])
    parser.add_argument("--plugins", default="/var/run/scope/plugins", help="folder of plugin sockets")
    parser.add_argument("--socket", help=f"socket, instead of {ID}/{ID}.sock in that folder")
    arguments = parser.parse_args()
    path = arguments.socket or Path(arguments.plugins) / ID / f"{ID}.sock"
    # Signals wait until there is something to clean up, and go to this thread alone.
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    for number in signals:
        signal.signal(number, stop)
    watcher = Watcher(os.environ)
    try:
        server = Server(path, watcher)
    except OSError as error:
        sys.exit(f"{ID}: {error}")
    try:
        threading.Thread(target=watcher.run, daemon=True).start()
        print(f"{ID}: listening on {server.socket_path}", file=sys.stderr)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        server.serve_forever()
    except Stopped:
        pass
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        server.clean_up()


if __name__ == "__main__":
    main()
