"""Segments as rows: what an edit does to versions, runs and open windows, and how segments may name one another."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from segd.core.deciding.plan import Plan
from segd.core.effects import Run
from segd.core.errors import DefinitionError, Problem
from segd.core.language.reading import read_definition, write_definition
from segd.core.time.instants import DAY, HOUR, MINUTE, Instant, parse_timestamp
from segd.store import segments
from segd.store.bridge import Connection, open_pool
from segd.store.history import members
from segd.store.queries import query
from segd.store.segment_rows import BrokenError, Segment, find_segment, list_segments, read_segments, runs
from segd.store.segments import SegmentRefused
from segd.store.waiting import Changed

NOW = parse_timestamp("2025-06-02T12:00:00.000001Z")
ON: dict[str, Any] = {"type": "action", "did": {"event": "A"}}
WINDOW: dict[str, Any] = {"type": "inaction", "did": {"event": "A"}, "did_not": {"event": "B"}, "within": "10m"}


class Book:
    """The segments of a test: each change is the next entry, a minute after the one before."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.now: Instant = NOW
        self._positions = count(1)

    async def create(self, definition: dict[str, Any]) -> Segment:
        given = read_definition(definition)
        return (await segments.create(self.connection, self._next(), given, self.now)).result

    async def change(self, segment: Segment, definition: dict[str, Any]) -> Segment:
        return (await self.changed(segment, definition)).result

    async def changed(self, segment: Segment, definition: dict[str, Any]) -> Changed[Segment]:
        given = read_definition(definition)
        return await segments.change(self.connection, self._next(), segment.number, given, self.now)

    async def pause(self, segment: Segment) -> Segment:
        return (await segments.pause(self.connection, self._next(), segment.number, self.now)).result

    async def resume(self, segment: Segment) -> Segment:
        return (await segments.resume(self.connection, self._next(), segment.number, self.now)).result

    async def delete(self, segment: Segment) -> Changed[None]:
        return await segments.delete(self.connection, self._next(), segment.number)

    async def open_window(self, segment: Segment) -> None:
        await self.connection.execute(
            "INSERT INTO timers (user_number, segment, cause, version, opened, due)"
            " VALUES (1, $1, 1, $2, '2025-06-02Z', '2025-06-03Z')",
            segment.number, segment.version,
        )  # fmt: skip

    async def open_windows(self) -> int:
        return await self.connection.fetchval("SELECT count(*) FROM timers")

    async def times(self) -> list[tuple[int, Instant | None, Instant, Instant | None]]:
        """Of all runs: version, sees_from, counts_from, counts_to, in minutes after NOW."""
        return [
            (run.version, _minutes(run.sees_from), (run.counts_from - NOW) // MINUTE, _minutes(run.counts_to))
            for run in await runs(self.connection, None)
        ]

    def _next(self) -> int:
        self.now += MINUTE
        return next(self._positions)


def _minutes(instant: Instant | None) -> int | None:
    return None if instant is None else (instant - NOW) // MINUTE


@asynccontextmanager
async def opened(dsn: str) -> AsyncGenerator[Book]:
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        yield Book(connection)


def live(name: str = "läuft", on: dict[str, Any] = ON, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "live", "on": on} | more


def past(name: str, where: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "kind": "past", "where": where or {"type": "did", "event": "A"}}


def within(named: str, **more: Any) -> dict[str, Any]:
    return {"type": "in_segment", "segment": named} | more


def documents(found: Sequence[Segment]) -> list[dict[str, Any]]:
    return [write_definition(segment.definition) for segment in found]


async def test_a_segment_is_kept_as_it_was_posted(dsn: str):
    test = {"property": "preis", "op": "in", "value": [0.1, 10, "für „dich“ 🐈", True]}
    definition = live("Zoë’s — 🐈", {"type": "action", "did": {"event": "Añadido", "where": [test]}}, again="1h")
    async with opened(dsn) as book:
        created = await book.create(definition)
        assert (created.version, created.status, created.created_at) == (1, "running", NOW + MINUTE)
        asked = await book.create(past("b"))
        assert await list_segments(book.connection) == [created, asked]
        assert documents([created]) == [definition]
        for named in (created.name, str(created.number)):
            assert await find_segment(book.connection, named) == created
        assert await find_segment(book.connection, "nobody") is None


async def test_a_new_one_sees_and_counts_from_its_creation_and_an_open_one_sees_all(dsn: str):
    async with opened(dsn) as book:
        new = await book.create(live("new"))
        opening = await book.create(live("open", start="open"))
        await book.create(past("asked"))
        assert await runs(book.connection, None) == [
            Run(new.number, 1, read_live(live("new")), NOW + MINUTE, NOW + MINUTE, None),
            Run(opening.number, 1, read_live(live("open", start="open")), None, NOW + 2 * MINUTE, None),
        ]


def read_live(definition: dict[str, Any]) -> Any:
    return read_definition(definition)


@pytest.mark.parametrize(
    "edit",
    [
        {"filter": {"type": "did", "event": "C"}},
        {"again": "once"},
    ],
)
async def test_open_windows_stay_where_only_filter_or_again_change(dsn: str, edit: dict[str, Any]):
    async with opened(dsn) as book:
        segment = await book.create(live(on=WINDOW))
        await book.open_window(segment)
        changed = await book.changed(segment, live(on=WINDOW) | edit)
        assert (changed.result.version, changed.replanned) == (2, True)
        assert await book.open_windows() == 1
        assert await book.times() == [(1, 1, 1, 2), (2, 1, 2, None)]


@pytest.mark.parametrize(
    "edit",
    [
        {"on": WINDOW | {"within": "11m"}},
        {"on": WINDOW | {"did": {"event": "A", "where": [{"property": "p", "op": "eq", "value": True}]}}},
        {"zone": "Europe/Berlin"},
    ],
)
async def test_open_windows_are_dropped_where_on_or_zone_change(dsn: str, edit: dict[str, Any]):
    async with opened(dsn) as book:
        one = WINDOW | {"did": {"event": "A", "where": [{"property": "p", "op": "eq", "value": 1}]}}
        segment = await book.create(live(on=one))
        await book.open_window(segment)
        segment = await book.change(segment, live(on=one) | edit)
        assert segment.version == 2
        assert await book.open_windows() == 0
        assert await book.times() == [(1, 1, 1, 2), (2, 2, 2, None)]


async def test_a_changed_one_that_starts_open_sees_all_again_and_one_that_keeps_its_windows_sees_what_it_saw(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(live(start="open"))
        await book.change(segment, live(start="open", again="once"))
        await book.change(segment, live(on=WINDOW))
        await book.change(segment, live(on=WINDOW | {"within": "1h"}, start="open"))
        assert [(version, sees_from) for version, sees_from, *_ in await book.times()] == [
            (1, None), (2, None), (3, 3), (4, None)
        ]  # fmt: skip


DATE = {"type": "date", "event": "A", "property": "p"}
BIRTHDAY = {"type": "date", "profile": "birthday", "yearly": True}
PAGES = {"type": "page_count", "at_least": 3}


@pytest.mark.parametrize(
    ("on", "start", "sees_all", "armed", "armed_again"),
    [
        (ON, "new", False, True, True),
        (ON, "open", True, True, True),
        (WINDOW, "new", False, True, False),
        (WINDOW, "open", True, False, False),
        (DATE, "new", False, True, False),
        (DATE, "open", True, False, False),
        (BIRTHDAY, "new", False, False, False),
        (BIRTHDAY, "open", True, False, False),
        (PAGES, "new", False, True, True),
        (PAGES | {"per": "ever"}, "new", True, True, True),
    ],
)
async def test_what_history_opens_is_to_be_looked_for_and_after_a_pause_what_is_open_still(
    dsn: str, on: dict[str, Any], start: str, sees_all: bool, armed: bool, armed_again: bool
):
    async with opened(dsn) as book:
        segment = await book.create(live(on=on, start=start))
        await book.pause(segment)
        await book.resume(segment)
        first, second = await runs(book.connection, None)
        assert (first.sees_from is None, first.armed) == (sees_all, armed)
        assert (second.sees_from, second.armed) == (first.sees_from, armed_again)


async def test_windows_that_stay_are_armed_as_far_as_they_were(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(live(on=WINDOW, start="open"))
        await book.change(segment, live(on=WINDOW, start="open", again="once"))
        await book.connection.execute(query("arm_runs"), [segment.number], 1)
        assert [run.armed for run in await runs(book.connection, None)] == [True, False]
        await book.connection.execute(query("arm_runs"), [segment.number], 2)
        assert [run.armed for run in await runs(book.connection, None)] == [True, True]
        await book.change(segment, live(on=WINDOW, start="open"))
        assert [run.armed for run in await runs(book.connection, None)] == [True, True, True]


async def test_a_new_name_or_start_is_no_new_version(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(live("old", WINDOW))
        await book.open_window(segment)
        renamed = await book.changed(segment, live("new", WINDOW, start="open"))
        assert (renamed.result.version, renamed.replanned) == (1, True)
        assert (renamed.result.created_at, renamed.result.changed_at) == (NOW + MINUTE, NOW + 2 * MINUTE)
        assert await book.times() == [(1, 1, 1, None)]
        assert await book.open_windows() == 1
        assert [run.definition.name for run in await runs(book.connection, None)] == ["new"]
        assert await find_segment(book.connection, "old") is None


async def test_the_same_definition_changes_nothing(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(
            live(again="90s", filter={"type": "profile", "property": "n", "op": "gt", "value": 1.5})
        )
        changed = await book.changed(segment, write_definition(segment.definition))
        assert changed == Changed(segment)
        assert await list_segments(book.connection) == [segment]


async def test_a_past_segment_has_versions_and_no_runs(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(past("a"))
        assert (await book.change(segment, past("b"))).version == 1
        assert (await book.change(segment, past("b", {"type": "did_not", "event": "A"}))).version == 2
        assert await book.times() == []
        for refused in (book.pause, book.resume):
            with pytest.raises(SegmentRefused, match="only live segments") as error:
                await refused(segment)
            assert error.value.code == "not_live"


async def test_a_pause_ends_the_run_and_resuming_begins_another_that_sees_as_much(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(live(on=WINDOW))
        await book.open_window(segment)
        assert (await book.pause(segment)).status == "paused"
        assert (await find_segment(book.connection, "läuft")) == await book.pause(segment)
        assert await book.open_windows() == 0
        assert await book.times() == [(1, 1, 1, 2)]
        assert (await book.resume(segment)).status == "running"
        await book.resume(segment)
        assert await book.times() == [(1, 1, 1, 2), (1, 1, 4, None)]


@pytest.mark.parametrize(
    ("edit", "sees_from"),
    [
        ({"again": "once"}, 1),
        ({"filter": {"type": "did", "event": "C"}}, 1),
        ({"name": "other", "start": "open"}, 1),
        ({"on": WINDOW | {"within": "11m"}}, 4),
        ({"zone": "Europe/Berlin"}, 4),
        ({"zone": "Europe/Berlin", "start": "open"}, None),
    ],
)
async def test_what_is_changed_while_paused_counts_from_its_resumption(
    dsn: str, edit: dict[str, Any], sees_from: int | None
):
    async with opened(dsn) as book:
        segment = await book.create(live(on=WINDOW))
        await book.pause(segment)
        changed = await book.change(segment, live(on=WINDOW) | edit)
        assert changed.status == "paused"
        assert await book.times() == [(1, 1, 1, 2)]
        await book.resume(segment)
        assert await book.times() == [(1, 1, 1, 2), (changed.version, sees_from, 4, None)]
        [_, run] = await runs(book.connection, None)
        assert run.definition == changed.definition


async def test_versions_that_a_clock_set_back_would_let_count_at_once_do_not(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(live(on=WINDOW))
        book.now += 30 * MINUTE
        segment = await book.change(segment, live(on=WINDOW, again="once"))
        book.now -= 30 * MINUTE
        segment = await book.pause(segment)
        assert await book.times() == [(1, 1, 1, 3), (2, 1, 32, 32)]
        book.now -= MINUTE
        await book.resume(segment)
        assert await book.times() == [(1, 1, 1, 3), (2, 1, 32, 32), (2, 1, 3, None)]


async def test_runs_matter_while_they_go_on_and_for_a_while_after(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(live())
        await book.change(segment, live(again="once"))  # ends the first at NOW + 2 minutes
        assert [run.version for run in await runs(book.connection, NOW + 2 * MINUTE)] == [1, 2]
        assert [run.version for run in await runs(book.connection, NOW + 2 * MINUTE + 1)] == [2]


async def test_what_was_changed_while_the_clock_was_ahead_and_is_changed_again_counts_at_once(dsn: str):
    async with opened(dsn) as book:
        book.now += 3 * DAY
        segment = await book.create(live(on=WINDOW))
        book.now -= 3 * DAY
        await book.change(segment, live(on=WINDOW, again="once"))
        assert (await book.times())[-1] == (2, 2, 2, None)


async def test_a_run_is_not_over_before_it_began_whatever_the_clock_says(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(live())
        book.now -= HOUR
        await book.pause(segment)
        assert await book.times() == [(1, 1, 1, 1)]


async def test_a_name_is_taken_once(dsn: str):
    async with opened(dsn) as book:
        await book.create(past("Größe"))
        other = await book.create(live("other"))
        for attempt in (book.create(live("Größe")), book.change(other, live("Größe"))):
            with pytest.raises(SegmentRefused, match="'Größe' already") as error:
                await attempt
            assert error.value.code == "name_taken"


async def test_a_name_of_digits_would_be_taken_for_a_number(dsn: str):
    async with opened(dsn) as book:
        with pytest.raises(DefinitionError, match="name: expected more than digits, found '42'"):
            await book.create(live("42"))


async def test_a_segment_stays_of_its_kind(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(past("a"))
        with pytest.raises(DefinitionError) as error:
            await book.change(segment, live("a"))
        assert error.value.problems == [Problem("kind", "expected 'past', found 'live': a segment stays of its kind")]


async def test_what_is_not_there_is_refused(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(live())
        await book.delete(segment)
        for attempt in (book.change(segment, live()), book.pause(segment), book.resume(segment), book.delete(segment)):
            with pytest.raises(SegmentRefused) as error:
                await attempt
            assert error.value.code == "no_segment"


async def test_named_segments_must_be_there_and_the_path_says_where_one_is_not(dsn: str):
    async with opened(dsn) as book:
        await book.create(past("whales"))
        where = {"type": "all", "of": [within("whales"), {"type": "not", "of": within("whale")}, within("99")]}
        with pytest.raises(DefinitionError) as error:
            await book.create(live(filter=where))
        assert error.value.problems == [
            Problem("filter.of[1].of.segment", "there is no segment 'whale' (did you mean whales?)"),
            Problem("filter.of[2].segment", "there is no segment '99'"),
        ]
        with pytest.raises(DefinitionError, match=r"where\.when: a past segment has no `when`"):
            await book.create(past("b", within("whales", when={"last": "1d"})))
        assert len(await list_segments(book.connection)) == 1


async def test_circles_are_refused(dsn: str):
    async with opened(dsn) as book:
        with pytest.raises(DefinitionError, match=r"where\.segment: goes round in a circle: a → a"):
            await book.create(past("a", within("a")))
        a = await book.create(past("a"))
        b = await book.create(past("b", within(str(a.number))))
        await book.create(live("c", filter={"type": "any", "of": [within("b"), within("a")]}))
        for edit, circle in [
            (past("a", {"type": "any", "of": [within("b")]}), r"where.of\[0\].segment: .*a → b → a"),
            (past("z", within("c")), "where.segment: .*z → c → .*z"),
            (past("z", within("a")), "z → z"),
            (past("z", within(str(a.number))), "z → z"),
        ]:
            with pytest.raises(DefinitionError, match=circle):
                await book.change(a, edit)
        assert await list_segments(book.connection) == [a, b, *(await list_segments(book.connection))[2:]]


async def test_what_others_name_follows_a_new_name(dsn: str):
    async with opened(dsn) as book:
        inner = await book.create(past("inner"))
        by_name = await book.create(live("by name", filter={"type": "not", "of": within("inner")}))
        by_number = await book.create(past("by number", within(str(inner.number))))
        changed = await book.changed(inner, past("innen ü"))
        assert (changed.result.version, changed.replanned) == (1, True)
        _, first, second = await list_segments(book.connection)
        assert documents([first]) == [live("by name", filter={"type": "not", "of": within("innen ü")})]
        assert (first.version, second) == (by_name.version, by_number)
        assert await book.times() == [(1, 2, 2, None)]
        assert await members(book.connection, await asked(book, "by number"), NOW, ZoneInfo("UTC")) == []
        edited = live("by name", filter={"type": "not", "of": within(str(inner.number))}, again="once")
        assert (await book.change(first, edited)).version == 2


async def asked(book: Book, name: str) -> Any:
    found = await find_segment(book.connection, name)
    assert found is not None
    return found.definition


async def test_naming_the_same_segment_otherwise_is_no_new_version(dsn: str):
    async with opened(dsn) as book:
        inner = await book.create(past("inner"))
        segment = await book.create(live(filter=within("inner")))
        assert (await book.change(segment, live(filter=within(str(inner.number))))).version == 1


async def test_all_that_counts_makes_a_plan_whatever_was_renamed(dsn: str):
    async with opened(dsn) as book:
        inner = await book.create(past("inner"))
        first = await book.create(live("first", filter=within("inner")))
        await book.create(live("second", filter=within("first", when={"last": "1d"})))
        await book.change(inner, past("else"))
        await book.change(first, live("erstes", filter=within("else"), again="once"))
        there = await list_segments(book.connection)
        names = {segment.number: segment.name for segment in there}
        by_name: dict[str, list[Run]] = {}
        for run in await runs(book.connection, None):
            by_name.setdefault(names[run.segment], []).append(run)
        plan = Plan(
            [segment.definition for segment in there],
            runs=by_name,
            aliases={str(number): name for number, name in names.items()},
        )
        assert [segment.name for segment in plan.live] == ["erstes", "erstes", "second"]
        assert plan.remembered == {"erstes"}


async def test_a_segment_that_others_name_is_not_deleted(dsn: str):
    async with opened(dsn) as book:
        inner = await book.create(live("inner"))
        by_name = await book.create(live("by näme", filter=within("inner")))
        by_number = await book.create(past("by number", within(str(inner.number))))
        with pytest.raises(
            SegmentRefused, match="'inner' is named by the conditions of 'by näme', 'by number'"
        ) as error:
            await book.delete(inner)
        assert error.value.code == "in_use"
        assert await book.delete(by_number) == Changed(None)
        await book.change(by_name, live("by näme"))
        assert await book.delete(inner) == Changed(None, replanned=True)


async def test_nothing_is_left_of_a_deleted_segment(dsn: str):
    async with opened(dsn) as book:
        kept = await book.create(live("kept", WINDOW))
        gone = await book.create(live("gone", WINDOW))
        for segment in (kept, gone):
            number = segment.number
            await book.open_window(segment)
            for statement in (
                "INSERT INTO qualifications (segment, version, user_number, id, cause, at)"
                " VALUES ($1, 1, 1, 'u', 1, '2025-06-02Z')",
                "INSERT INTO log (position, kind, segment, version, user_number, id, anonymous, at, cause, cause_id,"
                " written_at) VALUES ($1::integer, 'qualified', $1, 1, 1, 'u', false, '2025-06-02Z', 1, 'm', now())",
                "INSERT INTO qualified_per_day (segment, day, qualified, retracted) VALUES ($1, '2025-06-02', 1, 0)",
                "INSERT INTO snapshots (segment, as_of, members, sample, taken_at) VALUES ($1, now(), 1, '{1}', now())",
                "INSERT INTO evaluations (segment, as_of, milliseconds, members) VALUES ($1, now(), 1, 1)",
                "INSERT INTO webhooks (segment, url, secret, cursor, created_at) VALUES ($1, 'u', 's', 0, now())",
            ):
                await book.connection.execute(statement, number)
        await book.delete(gone)
        columns = await book.connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND (column_name = 'segment' OR (table_name, column_name) = ('segments', 'number'))"
        )
        for table, column in columns:
            left = await book.connection.fetch(f"SELECT {column} FROM {table}")
            assert {row[0] for row in left} == {kept.number}, table  # which has a row in each
        assert await list_segments(book.connection) == [kept]


# Broken ones

ODD = '{"kind": "past", "where": {"type": "wished"}}'


async def broken(book: Book, segment: Segment, document: str = ODD) -> None:
    """An upgrade refuses what was taken once."""
    await book.connection.execute(
        "UPDATE segments SET definition = $2::text::jsonb WHERE number = $1", segment.number, document
    )
    await book.connection.execute(
        "UPDATE segment_runs SET definition = $2::text::jsonb WHERE segment = $1", segment.number, document
    )


async def test_a_broken_one_and_those_that_name_it_are_left_out_and_the_others_go_on(dsn: str):
    async with opened(dsn) as book:
        fine = await book.create(live("fine"))
        inner = await book.create(past("inner"))
        await book.create(live("outer", filter=within("inner")))
        await book.create(past("outermost", within("3")))
        await broken(book, inner)
        assert await list_segments(book.connection) == [fine]
        stored = await read_segments(book.connection)
        assert [each.name for each in stored.all()] == ["fine", "outer", "outermost", "inner"]
        problems = stored.broken()
        assert problems.pop(inner.number).startswith("where.type: expected one of all, any,")
        assert problems == {3: "it names 'inner', which is broken", 4: "it names '3', which is broken"}
        with pytest.raises(DefinitionError, match=r"where\.segment: the segment 'inner' is broken"):
            await book.create(past("new", within("inner")))
        with pytest.raises(SegmentRefused, match="'inner' already, number 2"):
            await book.create(past("inner"))
        with pytest.raises(SegmentRefused, match="is named by the conditions of 'outer'"):
            await book.delete(inner)


@pytest.mark.parametrize("document", [ODD.replace("past", "live"), "{}", "3"])
async def test_a_broken_live_one_is_mended_as_a_new_version_or_deleted(dsn: str, document: str):
    async with opened(dsn) as book:
        segment, other = await book.create(live(on=WINDOW)), await book.create(live("other"))
        for each in (segment, other):
            await broken(book, each, document)
        assert await runs(book.connection, None) == []
        for attempt in (book.pause(segment), book.resume(segment)):
            with pytest.raises(BrokenError, match=r"'.*' is broken, give it another definition, or delete it: "):
                await attempt
        with pytest.raises(DefinitionError, match="kind: expected 'live', found 'past'"):
            await book.change(segment, past("läuft"))
        mended = await book.change(segment, live(on=WINDOW))
        assert (mended.version, mended.status) == (2, "running")
        assert await list_segments(book.connection) == [mended]
        assert await book.times() == [(2, 6, 6, None)]
        await book.delete(other)
        assert (await read_segments(book.connection)).all() == [mended]


async def test_one_that_broke_while_it_was_paused_begins_anew_once_it_is_mended(dsn: str):
    async with opened(dsn) as book:
        segment = await book.create(live(on=WINDOW))
        await book.pause(segment)
        await broken(book, segment, ODD.replace("past", "live"))
        assert (await book.change(segment, live("other", WINDOW))).status == "paused"
        await book.resume(segment)
        assert await book.times() == [(2, 4, 4, None)]
