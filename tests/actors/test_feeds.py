"""The feeds under a clock that jumps: what is shown, when, and to whom."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from segd.actors.broadcast import WAITING, Watcher
from segd.actors.feeds import Feeds
from segd.actors.seconds import KEPT
from segd.actors.segment_feed import NOTHING
from segd.core.effects import Arrival, LogEntry, Logged, Standing
from segd.core.errors import SegdError
from segd.core.events.messages import Event
from segd.core.frames import Activity, Ending, Entries, Frame, Rate, Rates, Rejections, Shown, Total, Totals
from segd.core.time.instants import SECOND, parse_timestamp

NOON = parse_timestamp("2026-11-22T12:00:00Z")


def logged(cursor: int, segment: int = 1, type="qualified") -> Logged:
    return Logged(cursor, LogEntry(type, cursor, Standing(segment, 1, f"u{cursor}", False, NOON, cursor, f"m{cursor}")))


def arrivals(count: int, taken="live") -> list[Arrival]:
    event = Event("track", "Viewed", "ann", None, None, NOON, NOON, None, "m", None, 0, b"")
    return [Arrival(event, number, NOON, taken, 1) for number in range(count)]


@dataclass
class Refused:
    """Messages that were refused, as numbers."""

    count: int = 0

    def latest(self, most: int) -> Sequence[int]:
        return [self.count - number for number in range(most)]


@dataclass
class Open:
    """Feeds whose frames stay values. at: seconds since the start, as `feeds` has the time, too."""

    feeds: Feeds
    frames: list[Frame] = field(default_factory=list)
    encoded: int = 0
    refused: Refused = field(default_factory=Refused)
    look_error: Exception | None = None
    look_seconds: float = 0

    def encode(self, frame: Frame) -> str:
        self.encoded += 1
        self.frames.append(frame)
        return str(len(self.frames) - 1)

    async def look(self, entries: Sequence[Logged]) -> list[Shown]:
        await trio.sleep(self.look_seconds)
        if self.look_error:
            raise self.look_error
        return [Shown({"name": f"n{each.entry.user}"}, None) for each in entries]

    async def next(self, watcher: Watcher, *kinds: type) -> Frame:
        """The next that is no rate, or of these kinds."""
        while True:
            text = await watcher.next()
            assert text is not None, watcher.ending
            frame = self.frames[int(text)]
            if isinstance(frame, kinds or (Entries, Activity, Rejections)):
                return frame


@asynccontextmanager
async def open_feeds() -> AsyncGenerator[Open]:
    shown = Open(None)  # type: ignore[arg-type]
    started = trio.current_time()
    now = lambda: NOON + round((trio.current_time() - started) * SECOND)  # noqa: E731
    shown.feeds = Feeds(shown.encode, shown.look, shown.refused, now)
    async with trio.open_nursery() as nursery:
        await nursery.start(shown.feeds.run)
        yield shown
        nursery.cancel_scope.cancel()


def cursors(frame: Entries) -> list[int]:
    return [each.cursor for each in frame.entries]


async def test_the_first_after_a_pause_is_shown_at_once_and_others_at_their_pace(autojump_clock):
    async with open_feeds() as shown:
        with shown.feeds.watching(1) as watcher:
            await trio.sleep(10.1)
            start = trio.current_time()
            for cursor in range(1, 4):
                shown.feeds.published([logged(cursor)])
                assert cursors(await shown.next(watcher)) == [cursor]
                assert trio.current_time() == pytest.approx(start + (cursor - 1) * 0.25)


async def test_no_second_shows_more_than_20_users_or_has_more_than_4_frames(autojump_clock):
    async with open_feeds() as shown:
        with shown.feeds.watching(1) as watcher:
            sizes: list[int] = []
            left_out = 0
            for cursor in range(1, 10_001):  # a thousand a second
                shown.feeds.published([logged(cursor)])
                await trio.sleep(0.001)
            shown.feeds.close()
            while (text := await watcher.next()) is not None:
                frame = shown.frames[int(text)]
                if isinstance(frame, Entries):
                    sizes.append(len(frame.entries))
                    left_out += frame.left_out
            assert len(sizes) in (40, 41)
            assert max(sizes) == 5
            assert left_out + sum(sizes) > 9_700  # the last quarter second was not shown any more


async def test_what_is_left_out_is_counted_and_the_latest_is_shown(autojump_clock):
    async with open_feeds() as shown:
        with shown.feeds.watching(1) as watcher:
            shown.feeds.published([logged(cursor) for cursor in range(1, 1001)])
            frames = [await shown.next(watcher) for _ in range(4)]
            assert [cursor for frame in frames for cursor in cursors(frame)] == list(range(981, 1001))
            assert [frame.left_out for frame in frames] == [980, 0, 0, 0]
            shown.feeds.published([logged(1001)])
            assert (await shown.next(watcher)).left_out == 0


async def test_types_take_turns(autojump_clock):
    async with open_feeds() as shown:
        with shown.feeds.watching(1) as watcher:
            shown.feeds.published([logged(cursor) for cursor in range(1, 21)])
            shown.feeds.published([logged(cursor, type="retracted") for cursor in range(21, 28)])
            shown.feeds.published([logged(28, type="corrected")])
            types = [(await shown.next(watcher)).type for _ in range(7)]
            assert types == [
                "qualified", "retracted", "corrected", "qualified", "retracted", "qualified", "qualified",
            ]  # fmt: skip


async def test_a_segment_hears_of_its_own_alone(autojump_clock):
    async with open_feeds() as shown:
        with shown.feeds.watching(1) as one, shown.feeds.watching(2) as two:
            shown.feeds.published([logged(1, segment=2), logged(2, segment=1), logged(3, segment=3)])
            assert cursors(await shown.next(one)) == [2]
            assert cursors(await shown.next(two)) == [1]


async def test_a_frame_is_encoded_once_for_all(autojump_clock):
    async with open_feeds() as shown:
        with shown.feeds.watching(1) as one, shown.feeds.watching(1) as two:
            shown.feeds.published([logged(1)])
            assert await shown.next(one) is await shown.next(two)
            assert shown.encoded == 1


async def test_rates_come_at_whole_seconds(autojump_clock):
    async with open_feeds() as shown:
        await trio.sleep(0.4)
        with shown.feeds.watching(1) as watcher, shown.feeds.watching_all() as all:
            shown.feeds.arrived([*arrivals(7), *arrivals(1, taken="late")])
            shown.feeds.published([logged(1), logged(2, segment=2), logged(3), logged(4, type="retracted")])
            assert await shown.next(watcher, Rate) == Rate(NOON + SECOND, 2, 8)
            assert await shown.next(all, Total) == Total(NOON + SECOND, 8, 0)
            assert await shown.next(watcher, Rate) == Rate(NOON + 2 * SECOND, 0, 0)


async def test_entries_are_shown_alone_where_nothing_can_be_told_of_them(autojump_clock):
    async with open_feeds() as shown:
        with shown.feeds.watching(1) as watcher:
            shown.feeds.published([logged(1)])
            assert (await shown.next(watcher)).shown == [Shown({"name": "n1"}, None)]
            shown.look_error = SegdError("database_unreachable", "away")
            shown.feeds.published([logged(2), logged(3)])
            assert (await shown.next(watcher)).shown == [NOTHING, NOTHING]
            shown.look_error, shown.look_seconds = None, 3600
            shown.feeds.published([logged(4)])
            assert (await shown.next(watcher)).shown == [NOTHING]


async def test_who_comes_later_is_told_the_seconds_before(autojump_clock):
    async with open_feeds() as shown:
        await trio.sleep(1.5)
        shown.feeds.arrived(arrivals(7))
        shown.feeds.published([logged(1), logged(2, segment=2), logged(3), logged(4, type="retracted")])
        shown.refused.count += 2
        await trio.sleep(1)
        with shown.feeds.watching(1) as watcher, shown.feeds.watching_all() as all:
            first, second = NOON + SECOND, NOON + 2 * SECOND
            assert await shown.next(watcher, Rates, Rate) == Rates([Rate(first, 0, 0), Rate(second, 2, 7)])
            assert await shown.next(all, Totals, Total) == Totals([Total(first, 0, 0), Total(second, 7, 2)])
            assert await shown.next(watcher, Rates, Rate) == Rate(NOON + 3 * SECOND, 0, 0)


async def test_no_more_than_some_minutes_are_kept(autojump_clock):
    async with open_feeds() as shown:
        await trio.sleep(1000.5)
        with shown.feeds.watching(1) as watcher:
            rates = (await shown.next(watcher, Rates)).rates
            assert [rate.at for rate in rates] == [NOON + number * SECOND for number in range(1001 - KEPT, 1001)]


async def test_a_feed_that_fails_sends_its_watchers_away_and_goes_on(autojump_clock, caplog: pytest.LogCaptureFixture):
    async with open_feeds() as shown:
        shown.look_error = RuntimeError("a bug")
        with shown.feeds.watching(1) as watcher, shown.feeds.watching(2) as other:
            shown.feeds.published([logged(1)])
            assert await watcher.next() is None
            assert watcher.ending is Ending.FAILED
            assert "a bug" in caplog.text
            shown.look_error = None
            with shown.feeds.watching(1) as again:
                shown.feeds.published([logged(2), logged(3, segment=2)])
                assert cursors(await shown.next(again)) == [2]
            assert cursors(await shown.next(other)) == [3]


async def test_who_falls_behind_is_cut_off_alone(autojump_clock):
    async with open_feeds() as shown:
        with shown.feeds.watching(1) as slow, shown.feeds.watching(1) as other:
            seen = 0
            while slow.ending is None:
                shown.feeds.published([logged(seen + 1)])
                await shown.next(other)
                seen += 1
            assert slow.ending is Ending.FELL_BEHIND
            waiting = 0
            while await slow.next() is not None:
                waiting += 1
            assert waiting == WAITING
            shown.feeds.published([logged(seen + 1)])
            assert cursors(await shown.next(other)) == [seen + 1]


async def test_nothing_is_put_into_words_for_a_segment_that_nobody_watches(autojump_clock):
    async with open_feeds() as shown:
        with shown.feeds.watching(1):
            pass
        shown.feeds.published([logged(1)])
        shown.feeds.arrived(arrivals(5))
        await trio.sleep(10.5)
        assert shown.encoded == 0
        with shown.feeds.watching(1) as watcher:
            assert await shown.next(watcher, Rate) == Rate(NOON + 11 * SECOND, 0, 0)


async def test_refused_messages_are_shown_to_who_watches_everything(autojump_clock):
    async with open_feeds() as shown:
        shown.refused.count = 100
        await trio.sleep(1.5)
        with shown.feeds.watching_all() as watcher:
            shown.refused.count += 3
            assert await shown.next(watcher) == Rejections([101, 102, 103], 0)
            shown.refused.count += 50
            frame = await shown.next(watcher)
            assert frame == Rejections([134, 135, 136, 137, 138], 30)


async def test_notice_is_given_of_a_segments_entries(autojump_clock):
    async with open_feeds() as shown:
        one, two = shown.feeds.notice(1), shown.feeds.notice(2)
        shown.feeds.published([logged(1, segment=2)])
        assert (one.is_set(), two.is_set()) == (False, True)
        assert not shown.feeds.notice(2).is_set()
        shown.feeds.removed(1)
        assert one.is_set()
        assert shown.feeds.notice(1).is_set()
        assert shown.feeds.ending(1) is Ending.GONE
        assert shown.feeds.ending(2) is None


async def test_the_end_is_told_to_all_and_to_who_comes_later(autojump_clock):
    async with open_feeds() as shown:
        notice = shown.feeds.notice(1)
        with shown.feeds.watching(1) as one, shown.feeds.watching_all() as all, shown.feeds.watching(2) as gone:
            shown.feeds.removed(2)
            shown.feeds.close()
            with shown.feeds.watching(1) as later:
                for watcher, ending in (one, Ending.STOPPING), (all, Ending.STOPPING), (gone, Ending.GONE), (
                    later, Ending.STOPPING,
                ):  # fmt: skip
                    assert await watcher.next() is None
                    assert watcher.ending is ending
        assert notice.is_set()
        assert shown.feeds.notice(3).is_set()
