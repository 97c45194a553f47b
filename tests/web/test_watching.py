"""Feeds and logs over websockets."""

import socket
from unittest.mock import ANY

import pytest
import trio
from feeding import NOON, Fed, arrival, eventually, open_fed, qualified

from segd.actors import broadcast
from segd.core.effects import Logged
from segd.core.errors import SegdError
from segd.core.events.messages import Event
from segd.web.connections import break_connections


async def test_a_watcher_is_greeted_with_what_was_and_told_what_comes():
    async with open_fed() as fed:
        fed.publish(*(qualified(cursor, user=cursor) for cursor in range(1, 31)))
        fed.publish(qualified(31, user=31, segment=2))
        async with fed.watch("/api/segments/1/live") as watching:
            hello = await watching.next()
            assert (hello["type"], hello["segment"]["name"]) == ("hello", "Cart left")
            assert [entry["cursor"] for entry in hello["last"]] == [str(cursor) for cursor in range(30, 10, -1)]
            fed.publish(qualified(32, user=32, segment=2), qualified(33, user=33))
            frame = await watching.next()
            assert frame == {
                "type": "qualified",
                "entries": [
                    {
                        "cursor": "33", "type": "qualified", "segment": "Cart left", "segmentId": 1, "version": 1,
                        "userId": "user-33", "anonymous": False, "at": "2026-11-22T12:00:00.000Z",
                        "cause": "message-33", "traits": {"name": "User 33"},
                        "event": {"name": "Viewed", "at": "2026-11-22T11:59:59.000Z", "properties": {"price": 12.5}},
                    }
                ],
                "left_out": 0,
            }  # fmt: skip


async def test_a_segment_is_found_by_its_name_or_not_at_all():
    async with open_fed() as fed:
        async with fed.watch("/api/segments/Cart%20left/live") as watching:
            assert (await watching.next())["segment"]["id"] == 1
        for path, status in [
            ("/api/segments/3/live", 404),
            ("/api/segments/1/live?after=12x", 400),
            ("/api/segments/1/live?after=1", 400),  # to which the log has not come
            ("/api/segments/1/live?before=1", 400),
        ]:
            assert (await fed.refused(path)).status_code == status


async def test_a_burst_is_sampled_and_says_how_many_were_left_out():
    async with open_fed() as fed, fed.watch("/api/segments/1/live") as watching:
        await watching.next()
        fed.publish(*(qualified(cursor, user=cursor) for cursor in range(1, 1001)))
        shown, left_out = [], 0
        for _ in range(4):
            frame = await watching.next()
            shown += [int(entry["cursor"]) for entry in frame["entries"]]
            left_out += frame["left_out"]
        assert shown == list(range(981, 1001))
        assert left_out == 980


async def test_retractions_and_corrections_are_told_too():
    async with open_fed() as fed, fed.watch("/api/segments/1/live") as watching:
        await watching.next()
        fed.publish(
            qualified(1, user=1),
            qualified(2, user=2, type="retracted"),
            qualified(3, user=3, type="corrected"),
            qualified(4, user=4, type="retracted"),
        )
        frames = {frame["type"]: frame["entries"] for frame in [await watching.next() for _ in range(3)]}
        assert [entry["cursor"] for entry in frames["retracted"]] == ["2", "4"]
        assert frames["corrected"][0]["was"] == {"at": "2026-11-22T11:59:59.000Z", "cause": "message-3"}


async def test_the_rate_is_told_every_second():
    async with open_fed() as fed, fed.watch("/api/segments/1/live") as watching:
        await watching.next()
        fed.publish(qualified(1, user=1), qualified(2, user=2, type="retracted"), qualified(3, user=3, segment=2))
        fed.feeds.arrived([arrival(number) for number in range(7)])
        rate = await watching.next("rate")
        while not rate["all"]:  # those of before
            rate = await watching.next("rate")
        assert rate == {"type": "rate", "at": ANY, "qualifying": 1, "all": 7}
        rate = await watching.next("rate")
        assert (rate["qualifying"], rate["all"]) == (0, 0)


async def test_who_comes_later_is_told_the_last_minutes_first():
    async with open_fed() as fed, fed.watch("/api/segments/2/live") as before:
        await before.next()
        fed.publish(qualified(1, user=1), qualified(2, user=2, segment=2))
        fed.feeds.arrived([arrival(number) for number in range(7)])
        while not (rate := await before.next("rate"))["all"]:
            pass
        async with fed.watch("/api/segments/1/live") as watching, fed.watch("/api/live") as all:
            assert (await watching.next())["type"] == "hello"
            rates = (await watching.next("rates"))["rates"]
            assert {"type": "rate", "at": rate["at"], "qualifying": 1, "all": 7} in rates
            assert sum(one["all"] for one in rates) == 7
            totals = (await all.next("rates"))["rates"]
            assert {"type": "rate", "at": rate["at"], "all": 7, "rejected": 0} in totals


async def test_all_activity():
    async with open_fed() as fed, fed.watch("/api/live") as watching:
        await watching.next("rate")
        fed.feeds.arrived([arrival(number) for number in range(100)])
        frame = await watching.next()
        assert [entry["name"] for entry in frame["entries"]] == [f"Event {number}" for number in range(80, 85)]
        assert frame["left_out"] == 80
        assert frame["entries"][0] == {
            "name": "Event 80", "userId": "ann", "anonymousId": None,
            "timestamp": "2026-11-22T12:00:00.000Z", "receivedAt": "2026-11-22T12:00:00.000Z",
            "properties": {"price": 12.5, "sku": "x" * 99 + "…"},
        }  # fmt: skip
        who = Event("identify", "$identify", "ann", None, None, NOON, NOON, None, "m", {"tier": "gold"}, 0, b"")
        fed.feeds.arrived([arrival(200, event=who)])
        while (last := (await watching.next())["entries"][-1])["name"] != "$identify":
            pass
        assert last["properties"] == {"tier": "gold"}
        for number in range(30):
            fed.rejected.add(NOON, "bad_type", f"no {number}", b'{"type": 1}')
        rate = await watching.next("rate")
        while not rate["rejected"]:
            rate = await watching.next("rate")
        assert rate["rejected"] == 30
        frame = await watching.next("rejected")
        assert frame["entries"][0] == {
            "at": "2026-11-22T12:00:00.000Z", "code": "bad_type", "message": "no 10", "content": '{"type": 1}',
        }  # fmt: skip


async def test_nothing_is_done_for_what_nobody_watches():
    async with open_fed() as fed:
        async with fed.watch("/api/segments/1/live") as watching, fed.watch("/api/live") as all:
            await watching.next()
            await all.next("rate")
            assert fed.feeds.watchers() == 2
        await eventually(lambda: fed.feeds.watchers() == 0)
        fed.publish(qualified(1, user=1))
        fed.feeds.arrived([arrival(1)])


# The log


async def test_the_log_is_told_whole_and_in_order():
    def entries(first: int, last: int):
        return [qualified(cursor, user=1, segment=1 + cursor % 2) for cursor in range(first, last + 1)]

    async with open_fed() as fed:
        fed.publish(*entries(1, 3000))
        async with fed.watch("/api/segments/1/live?after=1000") as watching:
            told = []
            for last in (3000, 3500, 4000):
                while not told or told[-1] != last:
                    frame = await watching.next()
                    assert frame["type"] == "log"
                    assert len(frame["entries"]) <= 500
                    told += [int(entry["cursor"]) for entry in frame["entries"]]
                    assert frame["cursor"] == str(told[-1])
                fed.publish(*entries(last + 1, last + 500))
            assert told == list(range(1002, 4001, 2))


async def test_the_log_from_its_beginning():
    async with open_fed() as fed:
        fed.publish(qualified(1, user=1))
        async with fed.watch("/api/segments/1/live?after=") as watching:
            assert [entry["cursor"] for entry in (await watching.next())["entries"]] == ["1"]
        async with fed.watch("/api/segments/1/live?after=0") as watching:
            assert [entry["cursor"] for entry in (await watching.next())["entries"]] == ["1"]


async def test_a_database_that_is_away_is_waited_for():
    async with open_fed() as fed:
        fed.log.error = SegdError("database_unreachable", "away")
        async with fed.watch("/api/segments/1/live?after=") as watching, fed.watch("/api/segments/1/live") as eyes:
            assert (await eyes.ended())[0] == 1013
            fed.publish(qualified(1, user=1))
            fed.log.error = None
            assert (await watching.next())["cursor"] == "1"


async def test_the_log_is_read_a_few_times_a_second_however_often_something_happens():
    async with open_fed() as fed, fed.watch("/api/segments/1/live?after=") as watching:
        for cursor in range(1, 101):
            fed.publish(qualified(cursor, user=1))
            await trio.sleep(0.005)
        while (await watching.next())["cursor"] != "100":
            pass
        assert fed.log.reads < 100


# Ends


async def test_a_segment_that_is_deleted_sends_its_watchers_away():
    async with (
        open_fed() as fed,
        fed.watch("/api/segments/1/live") as eyes,
        fed.watch("/api/segments/1/live?after=") as log,
    ):
        await eyes.next()
        fed.feeds.removed(1)
        assert await eyes.ended() == (4004, "the segment was deleted")
        assert await log.ended() == (4004, "the segment was deleted")


async def test_a_stop_sends_everybody_away():
    async with (
        open_fed() as fed,
        fed.watch("/api/segments/1/live") as eyes,
        fed.watch("/api/segments/1/live?after=") as log,
        fed.watch("/api/live") as all,
    ):
        await eyes.next()
        fed.feeds.close()
        for watching in (eyes, log, all):
            assert (await watching.ended())[0] == 1001


async def test_a_client_that_talks_is_not_listened_to():
    async with open_fed() as fed, fed.watch("/api/segments/1/live") as watching:
        await watching.next()
        for _ in range(100):
            await watching.connection.send_message("hello?")
        fed.publish(qualified(1, user=1))
        assert (await watching.next())["type"] == "qualified"


# Clients that stop reading


def listening(**options: int) -> socket.socket:
    """As `daemon` listens, with small buffers, so that a client that does not read is soon noticed."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    for name, value in options.items():
        listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return listener


async def deaf(fed: Fed, path: str) -> trio.SocketStream:
    """A client that asks for a feed and never reads."""
    client = trio.socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await client.connect(("127.0.0.1", fed.port))
    stream = trio.SocketStream(client)
    await stream.send_all(
        b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" % path.encode()
    )
    return stream


def much(cursor: int, count: int = 500) -> list[Logged]:
    return [qualified(cursor + number, user=number) for number in range(count)]


async def test_who_stops_reading_the_feed_is_ended_and_nobody_else_is_held_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(broadcast, "FRAME_SECONDS", 0.001)
    with listening(TCP_USER_TIMEOUT=1000) as listener:
        async with open_fed(listener=listener) as fed, fed.watch("/api/segments/1/live") as other:
            await other.next()
            async with await deaf(fed, "/api/segments/1/live"):
                await eventually(lambda: fed.feeds.watchers() == 2)
                cursor = 1
                while fed.open == 2:
                    fed.publish(qualified(cursor, user=cursor))
                    await other.next()
                    cursor += 1
            assert fed.feeds.watchers() == 1


async def test_who_stops_reading_the_log_is_ended():
    with listening(TCP_USER_TIMEOUT=1000) as listener:
        async with open_fed(listener=listener) as fed:
            fed.publish(*much(1, 5000))
            async with await deaf(fed, "/api/segments/1/live?after="):
                await eventually(lambda: fed.log.reads > 0)
                await eventually(lambda: fed.open == 0)


async def test_who_falls_behind_and_still_reads_is_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(broadcast, "FRAME_SECONDS", 0.001)
    with listening() as listener:
        async with open_fed(listener=listener) as fed, fed.watch("/api/segments/1/live") as other:
            await other.next()
            async with await deaf(fed, "/api/segments/1/live") as slow:
                await eventually(lambda: fed.feeds.watchers() == 2)
                for cursor in range(1, 1001):
                    fed.publish(qualified(cursor, user=cursor))
                    await other.next()
                assert fed.open == 2
                told = b"".join([part async for part in slow])
                assert told.endswith(b"\x0f\xa8fell behind: resume by cursor")  # 4008


async def test_a_stop_is_not_held_up_by_who_does_not_read():
    with listening() as listener:  # without any limit of the kernel's
        async with open_fed(listener=listener) as fed:
            fed.publish(*much(1, 5000))
            async with await deaf(fed, "/api/segments/1/live?after="), await deaf(fed, "/api/segments/1/live"):
                await eventually(lambda: fed.log.reads > 0 and fed.feeds.watchers() == 1)
                fed.stop()
                await eventually(lambda: fed.open == 1)  # who reads the log is in the midst of a frame
                assert break_connections(listener) == 1
                await eventually(lambda: fed.open == 0)
