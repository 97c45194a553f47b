"""`segd demo` as a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

SEGD = Path(sys.executable).parent / "segd"
LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Demo:
    """shown: what it printed. commands: those to try."""

    process: subprocess.Popen[str]
    shown: str

    @property
    def url(self) -> str:
        found = re.search(r"Dashboard +(http://[^/]+)/$", self.shown, re.MULTILINE)
        assert found, self.shown
        return found[1]

    @property
    def commands(self) -> list[str]:
        return re.findall(r"^  # .*\n  (.*)$", self.shown, re.MULTILINE)

    def ask(self, path: str) -> Any:
        """Of the API."""
        with urlopen(f"{self.url}/api{path}") as answer:
            return json.load(answer)

    def knows(self, user_id: str) -> bool:
        try:
            return self.ask(f"/user?id={quote(user_id)}")["user"]["id"] == user_id
        except HTTPError as error:
            error.close()
            return False


@contextmanager
def opened(state_dir: Path) -> Generator[Demo]:
    """The demo, once it shows what to try; ended by Ctrl-C, and well."""
    command = [str(SEGD), "demo", "--state-dir", str(state_dir), "--listen", "127.0.0.1:0"]
    environment = os.environ | {"PATH": os.defpath}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    limit = threading.Timer(LIMIT_SECONDS, process.kill)
    limit.start()
    try:
        assert process.stdout
        shown = ""
        for line in process.stdout:
            shown += line
            if line.startswith("The events are by "):
                break
        yield Demo(process, shown)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    finally:
        limit.cancel()
        process.kill()
        process.communicate()
