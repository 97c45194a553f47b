"""`segd serve` as a process of its own, for tests that are not async, and for pictures."""

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

SERVE = [sys.executable, "-c", "from segd.cli.serve import serve; serve()"]
IMPORT = [sys.executable, "-c", "from segd.cli.history import import_history; import_history()"]
KEY = "browser"


class Daemon:
    """One running daemon. url: where it listens. dashboard: the address that it printed at its start."""

    def __init__(self, process: subprocess.Popen[str], url: str, dashboard: str) -> None:
        self.process = process
        self.url = url
        self.dashboard = dashboard
        self._http = httpx.Client(base_url=url)

    def post(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Events, to the intake."""
        authorization = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
        answer = self._http.post("/v1/batch", json={"batch": messages}, headers={"authorization": authorization})
        assert answer.json() == {"success": True}, answer.text

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Of the API; what it answers."""
        answer = self._http.request(method, f"/api{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def make(self, definition: Mapping[str, Any]) -> int:
        """A segment; its number."""
        return self.ask("POST", "/segments", {"definition": definition})["id"]

    def stop(self) -> None:
        self._http.close()
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate()
        assert self.process.returncode == 0, said


@contextmanager
def serving(*arguments: object) -> Generator[Daemon]:
    """A daemon that is ready, and stopped at the end, unless that was done."""
    command = [*SERVE, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        ready = process.stdout.readline()
        if not ready.startswith("READY "):
            process.kill()
            raise AssertionError(f"{ready}{process.communicate()}")
        dashboard = process.stdout.readline().split()[1]
        daemon = Daemon(process, ready.split()[1], dashboard)
        yield daemon
        if process.poll() is None:
            daemon.stop()
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def config(dsn: str | None) -> str:
    """The text of a config file. dsn: None for an embedded server."""
    lines = [
        'listen = "127.0.0.1:0"',
        f'write_keys = ["{KEY}"]',
        'zone = "Europe/Berlin"',
        'engage = [{name = "Campaign", url = "https://mail.example/new?list={name}&id={id}"}]',
    ]
    return "\n".join([*lines, f"dsn = {json.dumps(dsn)}"] if dsn else lines)


def bring_in(messages: str, *arguments: object) -> None:
    """Import history. messages: NDJSON."""
    command = [*IMPORT, "-", *map(str, arguments)]
    subprocess.run(command, input=messages, text=True, check=True, capture_output=True)
