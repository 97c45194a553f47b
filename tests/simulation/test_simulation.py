"""A fixed number of seeds, so that a change is judged by the same worlds each time.

More by `python -m tests.simulation --seeds 1000`, one again by `--seed`.
"""

import pytest

from .world import run


@pytest.mark.parametrize("seed", range(200))
def test_all_promises_are_kept(seed: int) -> None:
    run(seed)


@pytest.mark.parametrize("seed", [4, 94])
def test_a_seed_is_a_run(seed: int) -> None:
    assert run(seed, traced=True) == run(seed, traced=True)
