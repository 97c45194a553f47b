"""segd and its Postgres killed or cut off under load: what `python -m tests.reliability` does hundreds of times."""

import os
from pathlib import Path

from tests.reliability import try_by_proxy, try_it


async def test_killed_at_random_instants_segd_loses_and_doubles_nothing(tmp_path: Path) -> None:
    await try_it(tmp_path, kills=10, postgres=0, seed=int(os.environ.get("SEGD_TEST_SEED", "1")))


async def test_when_postgres_is_killed_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    await try_it(tmp_path, kills=1, postgres=2, seed=int(os.environ.get("SEGD_TEST_SEED", "1")))


async def test_connections_cut_and_stalled_lose_and_double_nothing(dsn: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEGD_TEST_SEED", "1"))
    await try_by_proxy(tmp_path, dsn, kills=1, cuts=4, stalls=1, seed=seed)
