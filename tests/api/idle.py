#!/usr/bin/env python3
"""How an instance does beside many connections that ask for nothing.

    ulimit -n 20000; tests/api/idle.py ORRERY [CONNECTIONS]

Starts `orrery serve` with a data directory of its own on a loopback port, opens the connections, asks for the status
again and again meanwhile, and says what memory and time it took.
"""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlparse

# Requests before anybody is idle, and connections between two requests afterwards.
ALONE, BETWEEN = 50, 200
# What does not answer fails, in seconds.
DEADLINE = 60


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    orrery, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with tempfile.TemporaryDirectory(prefix="orrery-idle-") as home:
        data = Path(home) / "data"
        server = subprocess.Popen(
            [orrery, "serve", "--data", str(data), "--listen", "127.0.0.1:0", "--no-probes"],
            stdout=subprocess.PIPE,
            env={**os.environ, "ORRERY_LOG": "error", "HOME": home, "XDG_CONFIG_HOME": home},
        )
        try:
            place = urlparse(json.loads(server.stdout.readline())["url"])
            crowd(server.pid, place, (data / "token").read_text().strip(), count)
        finally:
            server.terminate()
            server.wait()
    return 0


def crowd(pid, place, token, count) -> None:
    alone = [asked(place, token) for _ in range(ALONE)]
    before = memory(pid)
    idle, beside, began = [], [], time.monotonic()
    for number in range(count):
        idle.append(socket.create_connection((place.hostname, place.port), timeout=DEADLINE))
        if number % BETWEEN == BETWEEN - 1:
            beside.append(asked(place, token))
    took = time.monotonic() - began
    print(f"{count} idle connections in {took:.1f} s, {len(os.listdir(f'/proc/{pid}/fd'))} files open")
    print(f"memory: {before:.0f} MiB alone, {memory(pid):.0f} MiB beside them")
    for name, times in [("alone", alone), ("beside them", beside)]:
        print(f"a request {name}: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms")


def asked(place, token) -> float:
    began = time.monotonic()
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=DEADLINE)
    connection.request("GET", "/api/status", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        sys.exit(f"the instance answered {answer.status}")
    return (time.monotonic() - began) * 1000


def memory(pid) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    sys.exit(main())
