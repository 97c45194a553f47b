"""Live segments in the daemon, over HTTP: on the machine's clock, and on one that the test sets.

That nobody qualifies is told by order: the log is in the order in which it was decided, so once a user whose window
ends later is in it, whoever is missing before will stay missing.
"""

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from segd.actors import clock as wall
from segd.core.time.instants import DAY, HOUR, MINUTE, SECOND, Instant, parse_timestamp, to_text
from tests.daemons import Clock, Segd, open_segd, told, track

NOON = parse_timestamp("2026-03-01T12:00:00Z")


def cart_left(within: str = "10m", **more: Any) -> dict[str, Any]:
    on = {"type": "inaction", "did": {"event": "Cart"}, "did_not": {"event": "Bought"}, "within": within}
    trigger = {name: more.pop(name) for name in ("repeat", "same") if name in more}
    return {"name": "Cart left", "kind": "live", "on": on | trigger} | more


def milliseconds(instant: Instant) -> Instant:
    """As clients write it."""
    return instant // 1000 * 1000


class Story:
    """A daemon on a clock that goes with what is posted."""

    def __init__(self, segd: Segd, clock: Clock) -> None:
        self.segd = segd
        self.clock = clock

    async def at(self, instant: Instant, *messages: dict[str, Any]) -> None:
        """Let that instant be over, for only then is it decided what came due in it, and post."""
        self.clock.set(instant + 1000)
        if messages:
            await self.segd.post(*messages)

    async def happens(self, instant: Instant, event: str, user: str, **more: Any) -> None:
        """Somebody does something just then."""
        await self.at(instant, track(event, user, instant, **more))

    async def create(self, instant: Instant, definition: dict[str, Any]) -> int:
        self.clock.set(instant)
        return await self.segd.create(definition)

    async def told(self, segment: int | str, count: int) -> list[tuple[str, str, Instant]]:
        """What the log says once it has so many entries: what, of whom, and dated when."""
        async with self.segd.watch(segment, after="0") as watching:
            await watching.entries(count)
        return told(await self.segd.log(segment))


@asynccontextmanager
async def a_story(dsn: str, folder: Path, **settings: Any) -> AsyncGenerator[Story]:
    clock = Clock(folder / "clock", NOON)
    async with open_segd(folder, clock=clock, dsn=dsn, **settings) as segd:
        yield Story(segd, clock)


# On the machine's clock


async def test_a_user_qualifies_when_the_window_ends(dsn: str, tmp_path: Path):
    async with open_segd(tmp_path, dsn=dsn) as segd:
        number = await segd.create(cart_left("2s"))
        async with segd.watch(number) as watching:
            await watching.next("hello")
            at = milliseconds(wall.now())
            await segd.post(track("Cart", "ann", at, "1", properties={"item": "lamp"}))
            (entry,) = (await watching.next("qualified"))["entries"]
            assert wall.now() >= at + 2 * SECOND
        assert told([entry]) == [("qualified", "ann", at + 2 * SECOND)]
        assert (entry["cause"], entry["version"], entry["anonymous"]) == ("1", 1, False)
        assert told(await segd.log(number)) == [("qualified", "ann", at + 2 * SECOND)]


async def test_who_bought_in_time_does_not_qualify(dsn: str, tmp_path: Path):
    async with open_segd(tmp_path, dsn=dsn) as segd:
        number = await segd.create(cart_left("2s"))
        async with segd.watch(number, after="0") as watching:
            at = milliseconds(wall.now())
            await segd.post(track("Cart", "ann", at), track("Bought", "ann", at + 1000))
            later = milliseconds(wall.now()) + 1000
            await segd.post(track("Cart", "bob", later))
            assert told(await watching.entries(1)) == [("qualified", "bob", later + 2 * SECOND)]


async def test_what_came_due_while_segd_was_killed_is_told_once_and_dated_when_due(dsn: str, tmp_path: Path):
    async with open_segd(tmp_path, dsn=dsn) as segd:
        number = await segd.create(cart_left("2s"))
        at = milliseconds(wall.now())
        await segd.post(track("Cart", "ann", at))
        await segd.stop(signal.SIGKILL)
        await trio.sleep((at + 2 * SECOND - wall.now()) / SECOND)
        await segd.start()
        async with segd.watch(number, after="0") as watching:
            assert told(await watching.entries(1)) == [("qualified", "ann", at + 2 * SECOND)]
        for ending in (signal.SIGTERM, signal.SIGKILL):
            await segd.restart(ending)
            bob = milliseconds(wall.now())
            await segd.post(track("Cart", "bob", bob))
            async with segd.watch(number, after="0") as watching:
                entries = told(await watching.entries(2 if ending == signal.SIGTERM else 3))
            assert [user for _, user, _ in entries].count("ann") == 1
            assert entries[-1] == ("qualified", "bob", bob + 2 * SECOND)


# After a time in which events could not be taken


async def test_a_purchase_sent_again_after_an_outage_counts_before_what_came_due_in_it(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path, catch_up="2m") as story:
        number = await story.create(NOON, cart_left())
        await story.at(NOON, track("Cart", "ann", NOON), track("Cart", "bob", NOON))
        await story.happens(NOON + 9 * MINUTE, "Seen", "cyd")
        await story.segd.stop(signal.SIGKILL)
        story.clock.set(NOON + 15 * MINUTE)
        await story.segd.start()
        await story.at(NOON + 16 * MINUTE, track("Bought", "ann", NOON + 9 * MINUTE + 30 * SECOND))
        await story.happens(NOON + 17 * MINUTE, "Cart", "dan")
        await story.at(NOON + 27 * MINUTE)
        assert await story.told(number, 2) == [
            ("qualified", "bob", NOON + 10 * MINUTE),
            ("qualified", "dan", NOON + 27 * MINUTE),
        ]


async def test_what_came_due_in_an_outage_waits_as_long_as_that_was(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path, catch_up="20m") as story:
        number = await story.create(NOON, cart_left())
        action = {"type": "action", "did": {"event": "Seen"}}
        other = await story.create(NOON, {"name": "Seen", "kind": "live", "on": action})
        await story.happens(NOON, "Cart", "ann")
        await story.happens(NOON + 9 * MINUTE, "Seen", "cyd")
        await story.segd.stop(signal.SIGKILL)
        story.clock.set(NOON + 15 * MINUTE)
        await story.segd.start()
        await story.happens(NOON + 20 * MINUTE, "Seen", "dan")
        await story.happens(NOON + 22 * MINUTE, "Seen", "dan")
        assert await story.told(number, 1) == [("qualified", "ann", NOON + 10 * MINUTE)]
        (ann,) = await story.segd.log(number)
        before, waited, after = await story.segd.log(other)
        assert int(before["cursor"]) < int(waited["cursor"]) < int(ann["cursor"])
        assert after["at"] == to_text(NOON + 22 * MINUTE)


# Late ones


async def test_of_a_straggler_within_grace_nothing_is_told(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path, grace="1m") as story:
        number = await story.create(NOON, cart_left())
        await story.at(NOON, track("Cart", "ann", NOON), track("Cart", "bob", NOON + SECOND))
        await story.at(NOON + 10 * MINUTE + 30 * SECOND, track("Bought", "ann", NOON + 9 * MINUTE))
        await story.at(NOON + 11 * MINUTE + SECOND)
        assert await story.told(number, 1) == [("qualified", "bob", NOON + 10 * MINUTE + SECOND)]


async def test_a_late_purchase_takes_the_qualification_back(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        number = await story.create(NOON, cart_left())
        await story.happens(NOON, "Cart", "ann")
        async with story.segd.watch(number) as watching:
            await story.at(NOON + 10 * MINUTE)
            await watching.next("qualified")
            await story.at(NOON + 11 * MINUTE, track("Bought", "ann", NOON + 9 * MINUTE))
            assert told((await watching.next("retracted"))["entries"]) == [("retracted", "ann", NOON + 10 * MINUTE)]
        assert await story.told(number, 2) == [
            ("qualified", "ann", NOON + 10 * MINUTE),
            ("retracted", "ann", NOON + 10 * MINUTE),
        ]
        assert (await story.segd.ask("GET", f"/api/segments/{number}/members"))["total"] == 0


async def test_a_late_cart_that_moves_the_window_is_one_correction(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        number = await story.create(NOON, cart_left())
        await story.happens(NOON + 5 * MINUTE, "Cart", "ann", id="second")
        async with story.segd.watch(number, after="0") as watching:
            await story.at(NOON + 15 * MINUTE)
            await watching.entries(1)
            await story.at(NOON + 16 * MINUTE, track("Cart", "ann", NOON + 3 * MINUTE, "first"))
            (entry,) = await watching.entries(1)
        assert told([entry]) == [("corrected", "ann", NOON + 13 * MINUTE)]
        assert entry["cause"] == "first"
        assert entry["was"] == {"at": to_text(NOON + 15 * MINUTE), "cause": "second"}
        assert len(await story.segd.log(number)) == 2


async def test_one_older_than_the_late_band_closes_and_starts_nothing(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        number = await story.create(NOON, cart_left("3h"))
        day = NOON + DAY
        await story.at(day, track("Cart", "ann", day), track("Cart", "bob", day))
        long_ago = day + 10 * MINUTE
        await story.at(day + 150 * MINUTE, track("Bought", "ann", long_ago), track("Cart", "cyd", long_ago))
        await story.happens(day + 151 * MINUTE, "Cart", "dan")
        await story.at(day + 331 * MINUTE)
        assert await story.told(number, 2) == [
            ("qualified", "bob", day + 3 * HOUR),
            ("qualified", "dan", day + 331 * MINUTE),
        ]


# Changes of segments while events stream


async def test_a_segment_that_starts_open_sees_the_history(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        await story.happens(NOON, "Cart", "over")
        await story.at(NOON + HOUR, *(track("Cart", user, NOON + HOUR) for user in ("ann", "bob")))
        await story.happens(NOON + HOUR + MINUTE, "Bought", "bob")
        definition = cart_left() | {"start": "open"}
        open = await story.create(NOON + HOUR + 5 * MINUTE, definition | {"name": "Open"})
        new = await story.create(NOON + HOUR + 5 * MINUTE, cart_left())
        await story.happens(NOON + HOUR + 6 * MINUTE, "Cart", "cyd")
        await story.at(NOON + HOUR + 16 * MINUTE)
        cyd = ("qualified", "cyd", NOON + HOUR + 16 * MINUTE)
        assert await story.told(open, 2) == [("qualified", "ann", NOON + HOUR + 10 * MINUTE), cyd]
        assert await story.told(new, 1) == [cyd]


async def test_windows_outlive_an_edit_of_the_filter(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        number = await story.create(NOON, cart_left())
        await story.at(NOON, track("Cart", "ann", NOON), track("Cart", "bob", NOON + SECOND))
        condition = {"type": "did_not", "event": "Opted Out"}
        await story.at(NOON + MINUTE, track("Opted Out", "bob", NOON + MINUTE))
        await story.segd.ask("PUT", f"/api/segments/{number}", {"definition": cart_left(filter=condition)})
        await story.happens(NOON + 2 * MINUTE, "Cart", "cyd")
        await story.at(NOON + 12 * MINUTE)
        assert await story.told(number, 2) == [
            ("qualified", "ann", NOON + 10 * MINUTE),
            ("qualified", "cyd", NOON + 12 * MINUTE),
        ]
        assert [entry["version"] for entry in await story.segd.log(number)] == [2, 2]


async def test_a_feed_says_the_new_name_of_a_segment(dsn: str, tmp_path: Path):
    seen = {"name": "Seen", "kind": "live", "on": {"type": "action", "did": {"event": "Seen"}}}
    async with a_story(dsn, tmp_path) as story:
        number = await story.create(NOON, seen)
        async with story.segd.watch(number) as watching:
            await watching.next("hello")
            await story.segd.ask("PUT", f"/api/segments/{number}", {"definition": seen | {"name": "Looked at"}})
            await story.happens(NOON + MINUTE, "Seen", "ann")
            assert (await watching.next("qualified"))["entries"][0]["segment"] == "Looked at"


async def test_an_edit_of_the_trigger_drops_open_windows(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        number = await story.create(NOON, cart_left())
        await story.happens(NOON, "Cart", "ann")
        story.clock.set(NOON + MINUTE)
        await story.segd.ask("PUT", f"/api/segments/{number}", {"definition": cart_left("20m")})
        await story.segd.restart()
        await story.happens(NOON + 2 * MINUTE, "Cart", "bob")
        await story.at(NOON + 22 * MINUTE)
        assert await story.told(number, 1) == [("qualified", "bob", NOON + 22 * MINUTE)]


async def test_what_comes_due_while_paused_is_dropped_and_what_is_open_after_that_counts(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        number = await story.create(NOON, cart_left())
        await story.happens(NOON, "Cart", "due while paused")
        await story.at(NOON + 5 * MINUTE, *(track("Cart", user, NOON + 5 * MINUTE) for user in ("ann", "bought")))
        story.clock.set(NOON + 6 * MINUTE)
        await story.segd.ask("POST", f"/api/segments/{number}/pause")
        await story.happens(NOON + 7 * MINUTE, "Bought", "bought")
        await story.happens(NOON + 8 * MINUTE, "Cart", "bob")
        await story.at(NOON + 12 * MINUTE)
        await story.segd.restart()
        await story.segd.ask("POST", f"/api/segments/{number}/resume")
        await story.happens(NOON + 13 * MINUTE, "Cart", "cyd")
        await story.segd.restart(signal.SIGKILL)
        await story.at(NOON + 23 * MINUTE)
        assert await story.told(number, 3) == [
            ("qualified", "ann", NOON + 15 * MINUTE),
            ("qualified", "bob", NOON + 18 * MINUTE),
            ("qualified", "cyd", NOON + 23 * MINUTE),
        ]


async def test_a_late_purchase_dated_in_a_pause_closes_what_was_open(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        number = await story.create(NOON, cart_left())
        await story.at(NOON, *(track("Cart", user, NOON) for user in ("ann", "bob")))
        await story.segd.ask("POST", f"/api/segments/{number}/pause")
        await story.at(NOON + 5 * MINUTE)
        await story.segd.ask("POST", f"/api/segments/{number}/resume")
        await story.at(NOON + 6 * MINUTE, track("Bought", "ann", NOON - MINUTE), track("Bought", "bob", NOON + MINUTE))
        await story.at(NOON + 10 * MINUTE)
        assert await story.told(number, 1) == [("qualified", "ann", NOON + 10 * MINUTE)]


async def test_pages_seen_while_paused_count_and_who_fills_the_number_then_is_not_told(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        on = {"type": "page_count", "at_least": 3, "per": "1h"}
        number = await story.create(NOON, {"name": "Pages", "kind": "live", "on": on})

        async def pages(minute: int, *users: str) -> None:
            at = NOON + minute * MINUTE
            await story.at(at, *({"type": "page", "userId": user, "timestamp": to_text(at)} for user in users))

        await pages(0, "ann", "bob")
        await story.segd.ask("POST", f"/api/segments/{number}/pause")
        await pages(1, "ann", "bob")
        await pages(2, "bob")
        await story.segd.ask("POST", f"/api/segments/{number}/resume")
        await pages(3, "bob")
        await pages(4, "ann")
        assert await story.told(number, 1) == [("qualified", "ann", NOON + 4 * MINUTE)]


# Conditions


async def test_again_counts_from_the_last_time_also_after_a_restart(dsn: str, tmp_path: Path):
    on = {"type": "action", "did": {"event": "Seen"}}
    async with a_story(dsn, tmp_path) as story:
        hourly = await story.create(NOON, {"name": "Hourly", "kind": "live", "on": on, "again": "1h"})
        once = await story.create(NOON, {"name": "Once", "kind": "live", "on": on, "again": "once"})
        for minutes in (0, 59, 60, 61, 119):
            await story.happens(NOON + minutes * MINUTE, "Seen", "ann")
            await story.segd.restart()
        await story.happens(NOON + 2 * HOUR, "Seen", "ann")
        assert await story.told(hourly, 3) == [("qualified", "ann", NOON + hours * HOUR) for hours in (0, 1, 2)]
        assert await story.told(once, 1) == [("qualified", "ann", NOON)]


async def test_a_filter_names_another_live_segment(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        await story.create(NOON, cart_left())
        condition = {"type": "in_segment", "segment": "Cart left"}
        on = {"type": "action", "did": {"event": "Seen"}}
        back = await story.create(NOON, {"name": "Back", "kind": "live", "on": on, "filter": condition})
        await story.at(NOON, track("Cart", "ann", NOON), track("Cart", "bob", NOON))
        await story.happens(NOON + MINUTE, "Bought", "bob")
        await story.happens(NOON + 9 * MINUTE, "Seen", "ann")
        await story.at(NOON + 11 * MINUTE, *(track("Seen", user, NOON + 11 * MINUTE) for user in ("ann", "bob")))
        await story.segd.restart()
        await story.at(NOON + 12 * MINUTE, *(track("Seen", user, NOON + 12 * MINUTE) for user in ("bob", "ann")))
        await story.at(NOON + 13 * MINUTE)
        assert await story.told(back, 2) == [("qualified", "ann", NOON + n * MINUTE) for n in (11, 12)]


# Who is who


def as_anonymous(event: str, device: str, at: Instant) -> dict[str, Any]:
    message = track(event, "", at, f"{device} {event}") | {"anonymousId": device}
    del message["userId"]
    return message


def identify(user: str, device: str | None, at: Instant, **traits: Any) -> dict[str, Any]:
    message = {"type": "identify", "userId": user, "messageId": f"{user} is {device} {to_text(at)}"}
    message |= {"timestamp": to_text(at), "traits": traits}
    return message if device is None else message | {"anonymousId": device}


async def test_an_anonymous_cart_is_the_users_once_they_are_known(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        number = await story.create(NOON, cart_left())
        await story.at(NOON, *(as_anonymous("Cart", device, NOON) for device in ("phone", "laptop", "tablet")))
        await story.at(
            NOON + 4 * MINUTE,
            identify("ann", "phone", NOON + 4 * MINUTE),
            identify("bob", "laptop", NOON + 4 * MINUTE),
        )
        await story.happens(NOON + 6 * MINUTE, "Bought", "ann")
        await story.at(NOON + 10 * MINUTE)
        entries = sorted(await story.told(number, 2))
        assert entries == [("qualified", user, NOON + 10 * MINUTE) for user in ("bob", "tablet")]
        assert {entry["userId"]: entry["anonymous"] for entry in await story.segd.log(number)} == {
            "bob": False,
            "tablet": True,
        }


async def test_a_join_changes_nothing_before_it_also_where_segd_was_killed_in_between(dsn: str, tmp_path: Path):
    async with a_story(dsn, tmp_path) as story:
        number = await story.create(NOON, cart_left())
        await story.at(NOON, as_anonymous("Cart", "phone", NOON))
        await story.happens(NOON + 5 * MINUTE, "Bought", "ann")
        await story.at(NOON + 10 * MINUTE)
        assert await story.told(number, 1) == [("qualified", "phone", NOON + 10 * MINUTE)]
        await story.segd.restart()
        await story.at(NOON + 11 * MINUTE, identify("ann", "phone", NOON + 11 * MINUTE))
        await story.segd.restart()
        await story.happens(NOON + 12 * MINUTE, "Cart", "ann")
        await story.at(NOON + 22 * MINUTE)
        assert await story.told(number, 2) == [
            ("qualified", "phone", NOON + 10 * MINUTE),
            ("qualified", "ann", NOON + 22 * MINUTE),
        ]


# Dates


async def test_dates_of_traits_come_also_those_that_stood_when_the_segment_was_made(dsn: str, tmp_path: Path):
    on = {
        "type": "date",
        "profile": "birthday",
        "yearly": True,
        "offset": "-1d",
        "at": "09:00",
        "zone": "Europe/Berlin",
    }
    async with a_story(dsn, tmp_path) as story:
        await story.at(NOON, identify("ann", None, NOON, birthday="1990-03-04"))
        number = await story.create(NOON + MINUTE, {"name": "Birthday", "kind": "live", "on": on})
        await story.at(
            NOON + HOUR,
            identify("bob", None, NOON + HOUR, birthday="2001-03-05"),
            identify("cyd", None, NOON + HOUR, birthday="2001-03-05"),
        )
        await story.at(NOON + 2 * HOUR, identify("cyd", None, NOON + 2 * HOUR, birthday=None))
        await story.segd.stop(signal.SIGKILL)
        story.clock.set(parse_timestamp("2026-03-04T12:00:00Z"))
        await story.segd.start()
        expected = [
            ("qualified", "ann", parse_timestamp("2026-03-03T08:00:00Z")),
            ("qualified", "bob", parse_timestamp("2026-03-04T08:00:00Z")),
        ]
        assert sorted(await story.told(number, 2)) == expected  # what came due meanwhile comes in any order
        story.clock.set(parse_timestamp("2027-03-05T12:00:00Z"))
        a_year_later = [(type, user, at + 365 * DAY) for type, user, at in expected]
        assert sorted((await story.told(number, 4))[2:]) == a_year_later
