"""segd and its Postgres killed under load: what `python -m tests.reliability` does hundreds of times, ten times."""

import os
from pathlib import Path

from tests.reliability import try_it


async def test_killed_at_random_instants_segd_loses_and_doubles_nothing(tmp_path: Path) -> None:
    await try_it(tmp_path, kills=10, postgres=0, seed=int(os.environ.get("SEGD_TEST_SEED", "1")))


async def test_when_postgres_is_killed_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    await try_it(tmp_path, kills=1, postgres=2, seed=int(os.environ.get("SEGD_TEST_SEED", "1")))
