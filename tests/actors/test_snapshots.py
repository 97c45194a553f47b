"""The keeper of snapshots: one at a time, leaving room, for ever."""

from collections.abc import Iterator

import trio

from segd.actors.snapshots import IDLE_SECONDS, LEAST_REST_SECONDS, REST, keep_snapshots
from segd.core.errors import SegdError


class Taking:
    """Snapshots that take so many seconds each; None where nothing is missing, an error where the store is away."""

    def __init__(self, *answers: float | SegdError | None) -> None:
        self.began: list[float] = []
        self._answers: Iterator[float | SegdError | None] = iter(answers)

    async def take_next(self) -> bool:
        self.began.append(trio.current_time())
        answer = next(self._answers, None)
        if isinstance(answer, SegdError):
            raise answer
        await trio.sleep(answer or 0)
        return answer is not None


async def began(taking: Taking, seconds: float, times_busy: int = 0) -> list[float]:
    start = trio.current_time()
    busy = iter([True] * times_busy)
    with trio.move_on_after(seconds):
        await keep_snapshots(taking, lambda: next(busy, False))
    return [round(at - start, 6) for at in taking.began]


async def test_a_long_count_is_followed_by_a_longer_rest(autojump_clock: trio.testing.MockClock):
    assert await began(Taking(2.0, 0.0), 25) == [0, 2 + REST * 2, 20 + LEAST_REST_SECONDS]


async def test_where_nothing_is_missing_it_looks_again_later(autojump_clock: trio.testing.MockClock):
    assert await began(Taking(), IDLE_SECONDS + 1) == [0, IDLE_SECONDS]


async def test_it_waits_while_others_need_the_store(autojump_clock: trio.testing.MockClock):
    assert await began(Taking(), 1, times_busy=2) == [2 * LEAST_REST_SECONDS]


async def test_it_goes_on_after_an_error_of_the_store(autojump_clock: trio.testing.MockClock):
    taking = Taking(SegdError("database_unreachable", "away"), None)
    assert len(await began(taking, 30)) == 2
