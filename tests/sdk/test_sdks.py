"""The SDKs that people use, in processes of their own: every call is stored once, whatever happens on the way.

On the way requests are answered 503, of others the answer is lost, and segd is killed once. What the environment of the
tests does not hold is fetched for the run.
"""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
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


def fetched(*command: str | Path) -> None:
    """Skips the test where the registry cannot be reached."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot be fetched here: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def python(_: Path, module: str) -> list[str | Path]:
    return [sys.executable, FOLDER / "calls.py", module]


def python_before_2_4(folder: Path) -> list[str | Path]:
    """Its dependencies are those of the one at hand."""
    package = "segment-analytics-python==2.3.*"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--timeout", "15", "--retries", "1", "--no-deps"]
    fetched(*pip, "--target", folder, package)
    return ["env", f"PYTHONPATH={folder}", *python(folder, "segment.analytics.client")]


def node(folder: Path) -> list[str | Path]:
    if not (npm := shutil.which("npm")):
        pytest.skip("needs npm")
    folder.mkdir()
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-timeout", "15000", "--fetch-retries", "1"]
    fetched(npm, "install", "--prefix", folder, *options, "@segment/analytics-node")
    return ["node", FOLDER / "calls.mjs", folder]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(partial(python, module="segment.analytics.client"), id="segment-analytics-python"),
        pytest.param(python_before_2_4, id="segment-analytics-python 2.3"),
        pytest.param(partial(python, module="rudderstack.analytics.client"), id="rudder-sdk-python"),
        pytest.param(node, id="@segment/analytics-node"),
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
