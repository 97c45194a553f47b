"""segd broken on purpose: whether the simulation finds it, and which seed is the first to.

`python -m tests.simulation.mutations` tries each mutation on the seeds that `test_simulation` runs.
"""

import logging
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click

sys.path.insert(0, str(Path(__file__).parent.parent))  # for the oracle

from segd.actors import follower
from segd.actors.feeds import Feeds
from segd.actors.webhooks import Webhooks
from segd.core.deciding.actor import FOREVER
from segd.core.effects import Group, Logged
from segd.core.events.refused_ids import RefusedIds
from segd.core.time.instants import DAY
from segd.core.users import folding, live
from segd.core.users.patience import Patience
from segd.core.users.resident import Resident, found
from segd.core.users.telling import Telling
from segd.store import forgetting, groups, journal, users
from segd.store.entries import Entries
from segd.store.groups import Rounds
from segd.store.journal import PostgresJournal
from segd.store.outages import Outages
from segd.store.waiting import Append
from segd.store.writer import Writer, read_end

from . import incarnation, statements
from .__main__ import reason
from .world import run

BROKEN = ("TypeError", "AttributeError", "NameError")

MUTATIONS: list[Callable[[], AbstractContextManager[Any]]] = []


def mutation(make: Callable[[], AbstractContextManager[Any]]) -> Callable[[], AbstractContextManager[Any]]:
    MUTATIONS.append(make)
    return make


@mutation
def position_written_after_the_transaction() -> AbstractContextManager[Any]:
    write = Rounds.write

    async def written_after(self: Any, round: Any, *more: Any) -> None:
        later: list[Any] = []

        async def advance(connection: Any, to: Any, *others: Any, statement: str) -> None:
            later.append((connection, to, others, statement))

        real = self._writer.advance
        with patch.object(self._writer, "advance", advance):
            await write(self, round, *more)
        for connection, to, others, statement in later:
            await real(connection, to, *others, statement=statement)

    return patch.object(Rounds, "write", written_after)


@mutation
def watchers_told_before_the_commit() -> AbstractContextManager[Any]:
    write = PostgresJournal._write_round

    async def told_first(self: Any, writer: Any, rounds: Any, items: Any, effects: Any) -> bool:
        logged = [Logged(cursor, entry) for cursor, entry in enumerate(effects.log, self._end.log_position + 1)]
        for listener in self._follower._listeners:
            listener.published(logged)
        return await write(self, writer, rounds, items, effects)

    return patch.object(PostgresJournal, "_write_round", told_first)


@mutation
def senders_answered_before_the_commit() -> AbstractContextManager[Any]:
    write = PostgresJournal._write_round

    async def answered_first(self: Any, writer: Any, rounds: Any, items: Any, effects: Any) -> bool:
        self._queue.answer([item for item in items if isinstance(item, Append)])
        return await write(self, writer, rounds, items, effects)

    return patch.object(PostgresJournal, "_write_round", answered_first)


@mutation
def timers_not_moved_by_a_join() -> AbstractContextManager[Any]:
    return patch.object(users, "JOINS", tuple(name for name in users.JOINS if name != "join_timers"))


@mutation
def joined_users_not_loaded_again() -> AbstractContextManager[Any]:
    write = Entries.write

    async def forgotten(self: Any, connection: Any, entries: Any) -> Group:
        group = await write(self, connection, entries)
        return group._replace(outdated=frozenset(), joined=frozenset())

    return patch.object(Entries, "write", forgotten)


@mutation
def arrival_time_used_in_windows() -> AbstractContextManager[Any]:
    digest_of = folding.digest_of

    def arrived(plan: Any, event: Any) -> Any:
        digest = digest_of(plan, event)
        if digest is not None and event.taken == "live":
            digest.timestamp = digest.taken_at = event.received_at
        return digest

    return _both(patch.object(folding, "digest_of", arrived), patch.object(live, "digest_of", arrived))


@mutation
def lock_not_retaken() -> AbstractContextManager[Any]:
    @asynccontextmanager
    async def anybody(connection: Any, mark: int) -> AsyncGenerator[Writer]:
        yield Writer(connection, await read_end(connection), mark)

    return patch.object(journal, "only_writer", anybody)


@mutation
def fold_from_a_slice_that_is_too_short() -> AbstractContextManager[Any]:
    return patch.object(folding.Log, "_nothing_open_from", lambda self, plan, since: -FOREVER)


@mutation
def record_not_compared_after_a_late_event() -> AbstractContextManager[Any]:
    compare = Telling.compare

    def compared_never(self: Any, resident: Any, outcome: Any, floor: Any, now: Any) -> None:
        compare(self, resident, outcome, FOREVER, now)

    return patch.object(Telling, "compare", compared_never)


@mutation
def late_event_appended_without_folding() -> AbstractContextManager[Any]:
    def appended(self: Any, digest: Any) -> bool:
        add(self, digest)
        return True

    add = folding.Log.add
    return patch.object(folding.Log, "add", appended)


@mutation
def repeats_not_dropped() -> AbstractContextManager[Any]:
    return patch.dict(statements.READS, seen_hashes=lambda t, hashes: [])


@mutation
def repeats_known_for_a_day_of_the_wall_clock() -> AbstractContextManager[Any]:
    return patch.object(PostgresJournal, "_ran", lambda self: self._now() / DAY * groups.SEEN_SECONDS)


@mutation
def unsettled_users_not_looked_at_after_a_crash() -> AbstractContextManager[Any]:
    def settled(self: Any, group: Group) -> None:
        committed(self, group._replace(unsettled=frozenset()))

    committed = follower.LiveFollower.committed
    return patch.object(follower.LiveFollower, "committed", settled)


@mutation
def lost_commit_taken_for_one_that_happened() -> AbstractContextManager[Any]:
    catch_up = PostgresJournal._catch_up

    async def trusted(self: Any, writer: Any) -> None:
        if self._round is not None:
            self._queue.answer(self._round.items)
        await catch_up(self, writer)

    return patch.object(PostgresJournal, "_catch_up", trusted)


@mutation
def effects_of_a_lost_commit_written_again() -> AbstractContextManager[Any]:
    complete = PostgresJournal._complete

    def forgotten(self: Any, round: Any) -> None:
        if round.group is None and self._outages.reason is not None:
            round.effects = replace(round.effects, log=[], set=[], dropped=[], armed=[])
        complete(self, round)

    return patch.object(PostgresJournal, "_complete", forgotten)


@mutation
def readers_not_told() -> AbstractContextManager[Any]:
    return patch.object(Feeds, "published", lambda self, logged: None)


@mutation
def what_is_held_has_no_timer() -> AbstractContextManager[Any]:
    def hold(self: Any, standing: Any) -> None:
        self.held[found(standing)] = standing

    def let_out(self: Any, key: Any) -> Any:
        return self.held.pop(key, None)

    return _both(patch.object(Resident, "hold", hold), patch.object(Resident, "let_out", let_out))


@mutation
def who_was_forgotten_is_kept_in_mind() -> AbstractContextManager[Any]:
    change = Rounds._change

    async def kept(self: Any, session: Any, asked: Any) -> Group:
        group = await change(self, session, asked)
        return group._replace(outdated=frozenset())

    return patch.object(Rounds, "_change", kept)


@mutation
def log_of_the_forgotten_kept() -> AbstractContextManager[Any]:
    return patch.object(forgetting, "TABLES", tuple(name for name in forgetting.TABLES if name != "log"))


@mutation
def refused_ids_not_loaded() -> AbstractContextManager[Any]:
    async def nobody(pool: Any, now: Any) -> RefusedIds:
        return RefusedIds()

    return patch.object(incarnation, "load_refused_ids", nobody)


@mutation
def cursor_of_a_webhook_moved_before_it_is_taken() -> AbstractContextManager[Any]:
    post = Webhooks._post

    async def moved_first(self: Any, poster: Any, webhook: Any, entries: Any) -> Any:
        await self._store.delivered(webhook.number, webhook.cursor, entries[-1].cursor, self._now())
        return await post(self, poster, webhook, entries)

    return patch.object(Webhooks, "_post", moved_first)


@mutation
def waits_for_nobody_after_an_outage() -> AbstractContextManager[Any]:
    return patch.object(Patience, "after", lambda self, since, until, catch_up: self)


@mutation
def outages_of_the_database_taken_for_none() -> AbstractContextManager[Any]:
    def begun(self: Any, reason: str) -> None:
        since = self._since
        begin(self, reason)
        self._since = since

    begin = Outages._begin
    return patch.object(Outages, "_begin", begun)


@mutation
def outages_that_a_wrong_clock_made_long_left_long() -> AbstractContextManager[Any]:
    def believing(self: Any) -> None:
        if self._since is not None:
            goes_on(self)

    goes_on = Outages.goes_on
    return patch.object(Outages, "goes_on", believing)


@mutation
def grace_not_waited_for() -> AbstractContextManager[Any]:
    return patch.object(Patience, "told_at", lambda self, due: due)


@mutation
def effects_written_after_users_were_joined() -> AbstractContextManager[Any]:
    """The two halves of a round the other way round."""
    write_effects, write_items = groups.write_effects, Rounds._write_items

    async def later(connection: Any, effects: Any, log_position: int, zone: Any, now: Any) -> list[Logged]:
        waiting.append(partial(write_effects, connection, effects, log_position, zone, now))
        return [Logged(cursor, entry) for cursor, entry in enumerate(effects.log, log_position + 1)]

    async def items_first(self: Any, session: Any, items: Any) -> Any:
        group = await write_items(self, session, items)
        while waiting:
            await waiting.pop()()
        return group

    waiting: list[Any] = []
    return _both(patch.object(groups, "write_effects", later), patch.object(Rounds, "_write_items", items_first))


def _both(*patches: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    stack = ExitStack()
    for one in patches:
        stack.enter_context(one)
    return stack


def found_by(make: Callable[[], AbstractContextManager[Any]], seeds: Iterable[int]) -> tuple[int, str] | None:
    """The first seed that finds it, and how."""
    with make():
        for seed in seeds:
            try:
                run(seed)
            except Exception as error:
                if (told := reason(error)).startswith(BROKEN):
                    raise  # the mutation does not fit segd any more
                return seed, told
    return None


@click.command()
@click.argument("names", nargs=-1)
@click.option("--seeds", default=150, help="At most, for each.")
def main(names: Sequence[str], seeds: int) -> None:
    logging.disable()  # of requests that failed
    missed = 0
    for make in MUTATIONS:
        name = make.__name__
        if not names or name in names:
            found = found_by(make, range(seeds))
            missed += found is None
            click.echo(f"{name}: " + ("NOT FOUND" if found is None else f"seed {found[0]}: {found[1][:160]}"))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
