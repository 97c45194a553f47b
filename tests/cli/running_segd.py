"""A daemon as a process of its own, and commands beside it."""

import json
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from click.testing import CliRunner, Result

from segd.__main__ import main

SERVE = [sys.executable, "-m", "segd", "serve"]

Segd = Callable[..., Result]


class Running(NamedTuple):
    url: str
    key: str

    def said(self, *messages: dict[str, object]) -> None:
        httpx.post(f"{self.url}/v1/b", json={"writeKey": self.key, "batch": messages}).raise_for_status()


@contextmanager
def running(config: Path) -> Generator[Running]:
    """A daemon that is ready. It ends well."""
    with subprocess.Popen([*SERVE, "--config", str(config)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            ready = process.stdout.readline().split()
            assert ready[0] == "READY", ready
            yield Running(ready[1], ready[-1])
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()


def written_config(dsn: str, folder: Path) -> Path:
    """Of that database, and any free port."""
    file = folder / "segd.toml"
    file.write_text(f'dsn = {json.dumps(dsn)}\nlisten = "127.0.0.1:0"\nwrite_keys = ["key"]\n')
    return file


def commands(config: Path) -> Segd:
    """What runs `segd …` with that configuration."""

    def run(*arguments: object, **more: object) -> Result:
        given = [str(argument) for argument in (*arguments, "--config", config)]
        result = CliRunner().invoke(main, given, **more)  # type: ignore[arg-type]
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run
