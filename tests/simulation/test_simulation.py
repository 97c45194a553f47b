"""A fixed number of seeds, so that a change is judged by the same worlds each time; those that found something first.

More by `python -m tests.simulation --seeds 1000`, one again by `--seed`.
"""

import pytest

from .world import run

# What each found when it was new. They tell another story once the generator is changed.
FOUND = {
    4: "what was held when its segment was paused was lost",
    26: "a late event that only a filter asks about was not taken to a user who was not at hand",
    42: "users whose timers were due were forgotten where the connection broke while they were loaded",
    52: "what was held was never told where another outage made it wait longer",
    94: "an id on record stayed what it was though a late message joined the user before that instant",
    120: "a message older than the late band joined users at its own instant",
    403: "what was not settled at a crash was left out of a slice where segd was away for long",
    178: "an alias that no trigger is told of was not compared with the record",
}
# Found and not mended yet. Each must go on failing, so that whoever mends it takes it out of here.
OPEN = {74: "an event late by nearly the whole band, beside another of the same instant, qualifies nobody"}


def _param(seed: int) -> object:
    reason = OPEN.get(seed)
    return seed if reason is None else pytest.param(seed, marks=pytest.mark.xfail(reason=reason, strict=True))


SEEDS = [_param(seed) for seed in sorted({*range(100), *FOUND})]


@pytest.mark.parametrize("seed", SEEDS)
def test_all_promises_are_kept(seed: int) -> None:
    run(seed)


@pytest.mark.parametrize("seed", [4, 94])
def test_a_seed_is_a_run(seed: int) -> None:
    assert run(seed, traced=True) == run(seed, traced=True)
