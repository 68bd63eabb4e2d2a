"""The real program on a real socket; the engine is a fake where its faults are needed, real where there is one."""

import json
import os
import signal
import socket
import socketserver
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import volume_count

PROGRAM = Path(__file__).with_name("volume_count.py")
PATIENCE_S = 20.0


class FakeEngine:
    """A stand-in for a container engine, for answers that a real one does not give on demand."""

    def __init__(self, folder, status, body):
        class Answer(BaseHTTPRequestHandler):
            """Always the same."""

            def do_GET(self):
                """Whatever is asked."""
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                try:
                    self.end_headers()
                    self.wfile.write(body)
                except BrokenPipeError:
                    pass  # The plugin hung up on an answer that is too large, as it should.

            def address_string(self):
                """A peer on a UNIX socket has no address."""
                return "peer"

            def log_message(self, *_):
                """Quiet."""

        self.path = os.path.join(folder, "fake-engine.sock")
        self.server = socketserver.ThreadingUnixStreamServer(self.path, Answer)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()


class Plugin:
    """The running program."""

    def __init__(self, folder, docker_host):
        self.root = os.path.join(folder, "plugins")
        self.socket = os.path.join(self.root, "volume-count", "volume-count.sock")
        environment = {**os.environ, "DOCKER_HOST": docker_host}
        command = [sys.executable, str(PROGRAM), "--plugins", self.root]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        until(self.answers)

    def answers(self):
        """Whether somebody listens."""
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            probe.connect(self.socket)
            return True
        except OSError:
            return False
        finally:
            probe.close()

    def get(self, path):
        """Status and body."""
        connection = volume_count.UnixConnection(self.socket)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def report(self):
        """The report."""
        status, body = self.get("/report?api_version=1&probe_id=1f")
        assert status == 200, status
        return json.loads(body)

    def kill(self):
        """Ends it at once."""
        self.process.kill()
        self.process.wait()


def until(done):
    """Waits until something holds."""
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


class VolumeCount(unittest.TestCase):
    """What the plugin promises."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self, docker_host):
        """A running plugin, ended with the test."""
        plugin = Plugin(self.folder, docker_host)
        self.addCleanup(plugin.kill)
        return plugin

    def fake(self, status, body):
        """A fake engine, ended with the test."""
        engine = FakeEngine(self.folder, status, body)
        self.addCleanup(engine.close)
        return f"unix://{engine.path}"

    def test_the_host_may_choose_the_socket(self):
        """As a package it is told where to listen; a folder that is not its own stays."""
        plugin = object.__new__(Plugin)
        plugin.socket = os.path.join(self.folder, "chosen.sock")
        command = [sys.executable, str(PROGRAM), "--socket", plugin.socket]
        plugin.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.addCleanup(plugin.kill)
        until(plugin.answers)
        plugin.process.send_signal(signal.SIGTERM)
        self.assertEqual(plugin.process.wait(PATIENCE_S), 0)
        self.assertEqual(os.listdir(self.folder), [])

    def test_volumes_are_counted_and_other_mounts_are_not(self):
        """Bind mounts and temporary file systems are no volumes."""
        containers = [
            {"Id": "a" * 64, "Mounts": [{"Type": "volume"}, {"Type": "bind"}, {"Type": "volume"}, {"Type": "tmpfs"}]},
            {"Id": "b" * 64, "Mounts": []},
        ]
        plugin = self.start(self.fake(200, json.dumps(containers).encode()))
        until(lambda: len(plugin.report()["Container"]["nodes"]) == 2)
        nodes = plugin.report()["Container"]["nodes"]
        value = lambda name: nodes[f"{name * 64};<container>"]["latest"][volume_count.ROW]["value"]
        self.assertEqual((value("a"), value("b")), ("2", "0"))

    def test_the_report_names_the_plugin_as_its_socket_is_named(self):
        """The host refuses a plugin whose id is not its socket's name."""
        plugin = self.start("unix:///nonexistent.sock")
        spec = plugin.report()["Plugins"]
        self.assertEqual([entry["id"] for entry in spec], ["volume-count"])
        self.assertEqual(plugin.get("/else")[0], 404)

    def test_an_engine_in_trouble_is_said_and_ends_nothing(self):
        """Each fault is in the plugin's own words."""
        for status, body in [(500, b""), (200, b"nonsense"), (200, b'{"a": 1}'), (200, b'[{"Mounts": 3}]')]:
            with self.subTest(status=status, body=body), tempfile.TemporaryDirectory() as folder:
                engine = FakeEngine(folder, status, body)
                with self.assertRaises(volume_count.EngineError):
                    volume_count.count_volumes(engine.path)
                engine.close()
        plugin = self.start("unix:///nonexistent.sock")
        until(lambda: "cannot be asked" in plugin.report()["Plugins"][0]["description"])

    def test_only_a_unix_socket_is_an_engine(self):
        """Anything else is said, with what was found."""
        with self.assertRaisesRegex(volume_count.EngineError, "tcp://"):
            volume_count.engine_socket({"DOCKER_HOST": "tcp://localhost:1"})

    def test_signals_end_it_cleanly(self):
        """Socket and folder go; the end is an ordinary one."""
        for number in [signal.SIGINT, signal.SIGTERM]:
            with self.subTest(number=number):
                plugin = self.start("unix:///nonexistent.sock")
                folder = os.path.dirname(plugin.socket)
                self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
                plugin.process.send_signal(number)
                self.assertEqual(plugin.process.wait(PATIENCE_S), 0)
                self.assertFalse(os.path.exists(folder))

    def test_a_stale_socket_is_replaced_and_a_living_plugin_keeps_its_own(self):
        """A second one says so and ends."""
        plugin = self.start("unix:///nonexistent.sock")
        command = [sys.executable, str(PROGRAM), "--plugins", plugin.root]
        second = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn("already", second.stderr)
        self.assertTrue(plugin.answers())
        plugin.kill()
        self.assertTrue(os.path.exists(plugin.socket), "a kill leaves the socket behind")
        self.assertTrue(self.start("unix:///nonexistent.sock").answers())

    @unittest.skipUnless(os.environ.get("DOCKER_HOST", "").startswith("unix://"), "DOCKER_HOST names no real engine")
    def test_a_real_engine_is_understood(self):
        """Whatever runs there, the answer is a count for each."""
        counts = volume_count.count_volumes(volume_count.engine_socket(os.environ))
        self.assertTrue(all(isinstance(count, int) for count in counts.values()))


if __name__ == "__main__":
    unittest.main()
