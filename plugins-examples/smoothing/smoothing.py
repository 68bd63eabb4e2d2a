#!/usr/bin/env python3
"""A processor for tasks: exponential smoothing, with Python's standard library alone.

A task sends `POST /process` with its config and samples; the answer is samples. What was seen of each series is kept
between calls, so that one process serves any number of tasks.
"""

import argparse
import json
import os
import socketserver
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler

ID = "smoothing"
BODY_BYTES_MAX = 64 * 1024 * 1024
# Series whose last value is kept; the one unseen for longest goes first.
SERIES_MAX = 50_000

REPORT = {
    "Plugins": [
        {
            "id": ID,
            "label": "Smoothing",
            "description": "Exponential smoothing of values, for tasks",
            "interfaces": ["reporter", "processor"],
            "api_version": "1",
        }
    ]
}


class Smoothing:
    """The last smoothed value of each series, by how strongly it is smoothed."""

    def __init__(self):
        self.last = OrderedDict()

    def process(self, config, samples):
        """Each sample with the mean of its own value and what was before."""
        weight = float(config.get("weight", 0.5))
        if not 0 < weight <= 1:
            raise ValueError(f"weight is {weight}, and has to be above 0 and at most 1")
        smoothed = []
        for sample in samples:
            key = (weight, sample["namespace"], json.dumps(sample.get("tags", {}), sort_keys=True))
            before = self.last.pop(key, sample["value"])
            value = weight * sample["value"] + (1 - weight) * before
            self.last[key] = value
            smoothed.append({**sample, "value": value})
        while len(self.last) > SERIES_MAX:
            self.last.popitem(last=False)
        return smoothed


SMOOTHING = Smoothing()


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
        """Samples in, samples out; what is wrong is told as `error`."""
        if self.path != "/process":
            return self.answer(404, {})
        length = int(self.headers.get("Content-Length", 0))
        if length > BODY_BYTES_MAX:
            return self.answer(413, {})
        try:
            asked = json.loads(self.rfile.read(length))
            samples = SMOOTHING.process(asked.get("config") or {}, asked["samples"])
        except (ValueError, KeyError, TypeError) as error:
            return self.answer(200, {"error": str(error)})
        return self.answer(200, {"samples": samples})

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


def main():
    """Serves on the socket that the host names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    path = parser.parse_args().socket
    if os.path.exists(path):
        os.unlink(path)
    # One call after the other: what is remembered of series needs no lock.
    with socketserver.UnixStreamServer(path, Answer) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
