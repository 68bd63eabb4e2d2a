#!/usr/bin/env python3
"""Asks a real `orrery serve` everything that docs/openapi.json says can be asked, and many things that it says cannot.

    tests/api/run.py ORRERY SCHEMATHESIS [--seed N] [--examples N] [further options of schemathesis]

The instance has a data directory of its own, listens on a loopback port, and runs no probes. Nothing that is sent
names an address outside: what a schema calls a text is never an address by chance. Ends in a count by operation.
"""

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as junit
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What is not asked for fails the run rather than hanging it, in seconds.
DEADLINE = 300


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    # The run is in a directory of its own.
    orrery, schemathesis = (str(Path(name).absolute()) for name in sys.argv[1:3])
    options = sys.argv[3:]
    with tempfile.TemporaryDirectory(prefix="orrery-api-") as home:
        data = Path(home) / "data"
        server = subprocess.Popen(
            [orrery, "serve", "--data", str(data), "--listen", "127.0.0.1:0", "--no-probes"],
            stdout=subprocess.PIPE,
            env={**os.environ, "ORRERY_LOG": "error", "HOME": home, "XDG_CONFIG_HOME": home},
        )
        try:
            url = json.loads(server.stdout.readline())["url"]
            report = Path(home) / "report.xml"
            status = ask(schemathesis, url, (data / "token").read_text().strip(), home, report, options)
            alive = server.poll() is None
            if not alive:
                print(f"the instance ended with {server.returncode}", file=sys.stderr)
            counts(report)
            return status or (not alive)
        finally:
            server.terminate()
            server.wait()


def ask(schemathesis, url, token, home, report, options) -> int:
    command = [
        schemathesis, "--config-file", str(HERE / "schemathesis.toml"),
        "run", f"{url}/api/openapi.json",
        "--report", "junit", "--report-junit-path", str(report), *options,
    ]
    # Where failures of earlier runs are remembered: nowhere, so that every run asks the same.
    told = {**os.environ, "ORRERY_API_TOKEN": token, "HYPOTHESIS_STORAGE_DIRECTORY": home, "NO_COLOR": "1"}
    return subprocess.run(command, env=told, cwd=home, timeout=DEADLINE, check=False).returncode


def counts(report: Path) -> None:
    cases = list(junit.parse(report).iter("testcase")) if report.exists() else []
    failed = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
    skipped = [c for c in cases if c.find("skipped") is not None]
    for case in failed:
        print(f"FAIL: {case.get('name')}")
    print(f"# pass {len(cases) - len(failed) - len(skipped)}")
    print(f"# fail {len(failed)}")
    print(f"# skipped {len(skipped)}")


if __name__ == "__main__":
    sys.exit(main())
