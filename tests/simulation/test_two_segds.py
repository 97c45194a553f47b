"""Two segds on one database, where the first loses its place at the worst instant."""

from collections import Counter
from random import Random
from unittest.mock import patch
from zoneinfo import ZoneInfo

import msgspec
import pytest
import trio
import trio.testing

from segd.core.events.messages import Event, accept, decode
from segd.core.ports import Unavailable
from segd.core.time.instants import SECOND, Instant, parse_timestamp
from segd.store.errors import ConnectionLost, StoreError

from .incarnation import Incarnation, Settings
from .server import Server, Session
from .watching import Hooks, Witness

START = parse_timestamp("2025-03-29T20:00:00Z")


def now() -> Instant:
    return START + int(trio.current_time() * SECOND)


def event(id: str) -> Event:
    message = {"type": "track", "event": "A", "userId": "u1", "messageId": id, "timestamp": "2025-03-29T20:00:00Z"}
    content = msgspec.json.encode(message)
    return accept(decode(content), received_at=now(), content=content)


def test_what_another_wrote_is_not_taken_for_ones_own() -> None:
    """The first one's commit is undone; the second takes over, writes just as much, and dies; the first is back."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            server = Server(Random(1), nursery)
            witness, hooks = Witness(server), Hooks(server, Random(1), Counter())
            settings = Settings(ZoneInfo("UTC"), 0, 0, room=1000, group_events=100, waiting_events=100)
            first, second = (Incarnation(server, witness, hooks, now, settings) for _ in range(2))
            up: list[Incarnation] = []
            commit = Session._commit

            async def undone(self: Session) -> None:
                if self._written is None or not self._written.events:
                    return await commit(self)
                Session._commit = commit
                self.lose(at_once=True)
                nursery.start_soon(second.live, list, up.append)
                raise ConnectionLost("lost")

            async def send_in_vain() -> None:
                with pytest.raises(Unavailable):
                    await first.journal.append([event("m1")])

            async def end_as_moved() -> None:
                moved = pytest.RaisesExc(StoreError, match="another segd has written")
                with pytest.RaisesGroup(moved, flatten_subgroups=True):
                    await first.live(list, up.append)

            nursery.start_soon(end_as_moved)
            await trio.sleep(1)
            assert up == [first]
            with patch.object(Session, "_commit", undone):
                nursery.start_soon(send_in_vain)
                await trio.sleep(1)
            assert up == [first, second]
            await second.journal.append([event("m2")])
            second.crash()
            await trio.sleep(20)  # the witness fails us where the first one tells of what was never committed
            assert [one.message_id for one in server.tables.events.values()] == ["m2"]
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
