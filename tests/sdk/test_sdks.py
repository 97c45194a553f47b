"""The SDKs that people use, in processes of their own: every call is stored once, whatever happens on the way.

On the way every fourth request is answered 503, of every fourth the answer is lost, and segd is killed once. Those that
the environment of the tests does not hold are installed for the run where SEGD_TEST_SDKS is set.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from segd.store.bridge import open_pool
from tests.daemons import KEY, open_segd
from tests.sdk.faulty_proxy import FaultyProxy

FOLDER = Path(__file__).parent
PER_NAME = {
    "Cart": 100, "Charged": 100, "Viewed": 100, "$identify": 200, "$page": 200, "$screen": 100, "$group": 100,
    "$alias": 100,
}  # fmt: skip
NAMES = "SELECT n.name FROM events AS e JOIN event_names AS n ON n.number = e.name"
KILL_AT = 5  # the number of the request before which segd is killed


def installed(*command: str | Path) -> None:
    """Skips the test where the registry cannot be reached."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot be installed here: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def python_with(requirement: str, module: str) -> Callable[[Path], list[str | Path]]:
    def command(folder: Path) -> list[str | Path]:
        installed(sys.executable, "-m", "venv", folder)
        python = folder / "bin" / "python"
        installed(python, "-m", "pip", "install", "--quiet", "--retries", "1", requirement)
        return [python, FOLDER / "calls.py", module]

    return command


def node_with(package: str) -> Callable[[Path], list[str | Path]]:
    def command(folder: Path) -> list[str | Path]:
        if not (npm := shutil.which("npm")):
            pytest.skip("needs npm")
        folder.mkdir()
        installed(npm, "install", "--prefix", folder, "--no-audit", "--no-fund", "--fetch-retries", "1", package)
        return ["node", FOLDER / "calls.mjs", folder]

    return command


def at_hand(_: Path) -> list[str | Path]:
    return [sys.executable, FOLDER / "calls.py", "segment.analytics.client"]


elsewhere = pytest.mark.skipif("SEGD_TEST_SDKS" not in os.environ, reason="SEGD_TEST_SDKS is not set")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(at_hand, id="segment-analytics-python at hand"),
        pytest.param(
            python_with("segment-analytics-python==2.3.*", "segment.analytics.client"),
            id="segment-analytics-python 2.3",
            marks=elsewhere,
        ),
        pytest.param(
            python_with("rudder-sdk-python", "rudderstack.analytics.client"), id="rudder-sdk-python", marks=elsewhere
        ),
        pytest.param(node_with("@segment/analytics-node"), id="@segment/analytics-node", marks=elsewhere),
    ],
)
async def test_every_call_is_stored_once(command: Callable[[Path], list[str | Path]], dsn: str, tmp_path: Path) -> None:
    calls = await trio.to_thread.run_sync(command, tmp_path / "sdk")
    async with open_segd(tmp_path, dsn=dsn) as segd, trio.open_nursery() as nursery:

        async def before(number: int) -> None:
            if number == KILL_AT:
                nursery.start_soon(killed_soon)

        async def killed_soon() -> None:
            await trio.sleep(0.005)  # it has the request by then, or not
            await segd.restart()

        proxy = FaultyProxy(segd.port, before)
        await nursery.start(proxy.run)
        host = f"http://127.0.0.1:{proxy.port}"
        done = await trio.run_process([*calls, host, KEY], check=False, capture_stderr=True)
        assert done.returncode == 0, done.stderr.decode()
        nursery.cancel_scope.cancel()
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        assert Counter(row[0] for row in await connection.fetch(NAMES)) == PER_NAME
        twice = "SELECT message_id FROM events GROUP BY 1 HAVING count(*) > 1"
        assert await connection.fetch(twice) == []
