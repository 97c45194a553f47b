"""Every command of the README, run as it stands there, in one folder, with the output it promises."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

SEGD = str(Path(sys.executable).parent / "segd")
README = (Path(__file__).parent.parent / "README.md").read_text()
TOUR = "tour"  # what needs a daemon
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_command_of_the_readme(tmp_path: Path):
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SEGD_STATE_DIR": str(tmp_path / "state"),
    }
    commands = 0
    for kind, name, content in BLOCK.findall(README):
        if name and name != TOUR:
            (tmp_path / name).write_text(content)
        elif kind == "console" and not name:
            commands += run_console(content, tmp_path, environment)
    assert commands >= 7


def run_console(content: str, folder: Path, environment: dict[str, str]) -> int:
    """Run the commands of a block, which may be of several lines, and compare what they print. How many there are."""
    commands = content.removeprefix("$ ").split("\n$ ")
    for block in commands:
        lines = block.splitlines()
        end = next(number for number, line in enumerate(lines) if block_is_whole(lines[: number + 1])) + 1
        command, expected = "\n".join(lines[:end]), "".join(f"{line}\n" for line in lines[end:])
        done = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        got = done.stdout + (done.stderr if done.returncode and not done.stdout else "")
        pattern = re.escape(expected.rstrip("\n")).replace("…", ".*")
        assert re.fullmatch(pattern, got.rstrip("\n"), re.DOTALL), f"$ {command}\n{got}\n{done.stderr}"
    return len(commands)


def block_is_whole(lines: list[str]) -> bool:
    """Whether a command ends here: a quoted JSON document may go on over several lines."""
    return "\n".join(lines).count("'") % 2 == 0


def test_the_tour_of_the_daemon(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SEGD_STATE_DIR": str(tmp_path / "state"),
        "SEGD_LISTEN": address,
        "SEGD_PRIVATE_WEBHOOKS": "true",
    }
    commands = 0
    with subprocess.Popen([SEGD, "serve"], stdout=subprocess.PIPE, text=True, env=environment) as daemon:
        assert daemon.stdout is not None
        try:
            key = daemon.stdout.readline().split()[-1]
            for _, name, content in BLOCK.findall(README):
                content = content.replace("127.0.0.1:7337", address).replace("WRITE_KEY", key)
                if name == TOUR:
                    commands += run_console(content, tmp_path, environment)
                elif name:
                    (tmp_path / name).write_text(content)
        finally:
            daemon.send_signal(signal.SIGTERM)
        assert daemon.wait() == 0
    assert commands == 7


def test_the_two_commands_that_set_everything_up():
    found = re.findall(r"^    (python3 -m venv .*)$", README, re.MULTILINE)
    install = "python3 -m venv .venv && .venv/bin/pip install -e"
    assert found == [f"{install} . && .venv/bin/segd demo", f"{install} '.[test]' && .venv/bin/pytest"]
