"""POST /api/import."""

import gzip
import json

import trio
from api_serving import open_api

from segd.web.api.imports import LEAST, LONG_SECONDS, LONGEST_SECONDS, MOST, SHORT_SECONDS, Pace

PATH = "/api/import"
BOTH = "SELECT count(DISTINCT substr(message_id, 2)::int < $1) FROM events"  # of what two imports bring


def line(number: int, **more: object) -> bytes:
    message = {"type": "track", "event": "Old", "userId": f"u{number % 7}", "messageId": f"i{number}"}
    return json.dumps(message | {"timestamp": "2025-03-01T10:00:00Z"} | more).encode() + b"\n"


async def test_history_is_taken_once_and_bad_lines_are_named(dsn):
    async with open_api(dsn, seeded=False) as api:
        future = line(0, messageId="f", timestamp="2027-01-01T00:00:00Z")
        body = line(1) + b'{"type": "track"}\n\nnothing\n' + future + line(2, anonymousId="null")
        answer = await api.ask("POST", PATH, content=body)
        assert (answer["imported"], answer["repeated"], answer["junkIds"]) == (2, 0, 1)
        assert [one["path"] for one in answer["problems"]] == ["2", "4", "5"]
        assert answer["refused"] == {"bad_event": 1, "bad_json": 1, "future_timestamp": 1}
        answer = await api.ask("POST", PATH, content=body + line(3))
        assert (answer["imported"], answer["repeated"]) == (1, 2)


async def test_gzip_is_known_by_its_bytes(dsn):
    async with open_api(dsn, seeded=False) as api:
        body = gzip.compress(b"".join(line(number) for number in range(MOST + 5)))
        for headers, imported in (({"Content-Encoding": "gzip"}, MOST + 5), ({}, 0)):
            answer = await api.ask("POST", PATH, content=body, headers=headers)
            assert (answer["imported"], answer["repeated"]) == (imported, MOST + 5 - imported)


async def test_a_body_of_any_length_is_taken_as_it_comes(dsn):
    async with open_api(dsn, seeded=False) as api:

        async def pieces():
            whole = b"".join(line(number) for number in range(2_000))
            for start in range(0, len(whole), 777):
                yield whole[start : start + 777]
            yield b"no message" * 200_000

        answer = await api.ask("POST", PATH, content=pieces())
        assert (answer["imported"], answer["refused"]) == (2_000, {"too_large": 1})
        assert [one["path"] for one in answer["problems"]] == ["2001"]


async def test_who_is_forgotten_meanwhile_is_not_brought_in(dsn):
    async with open_api(dsn, seeded=False) as api:
        await api.ask("POST", PATH, content=line(1))

        async def pieces():
            yield line(8) + line(2)
            await api.ask("DELETE", "/api/user?id=u1&refuseDays=30")
            yield b"nothing\n" + line(15)

        answer = await api.ask("POST", PATH, content=pieces())
        assert (answer["imported"], answer["refused"]) == (1, {"bad_json": 1, "forgotten_user": 2})
        assert [one["path"] for one in answer["problems"]] == ["1", "3", "4"]


async def test_gzip_that_breaks_off_is_refused_and_may_come_again(dsn):
    async with open_api(dsn, seeded=False) as api:
        whole = gzip.compress(b"".join(line(number) for number in range(MOST + 5)))
        error = await api.ask("POST", PATH, 400, content=whole[:-8])
        assert error["code"] == "bad_gzip"
        answer = await api.ask("POST", PATH, content=whole)
        assert answer["imported"] + answer["repeated"] == MOST + 5


async def test_it_takes_a_token_that_may_manage(dsn):
    async with open_api(dsn, seeded=False) as api:
        error = await api.ask("POST", PATH, 403, content=line(1), headers={"Origin": "https://evil.example"})
        assert (error["code"], error["details"]) == ("bad_origin", [])
        _, secret = await api.tokens.create("x", "read")
        await api.ask("POST", PATH, 401, content=line(1) * 10_000)
        await api.ask("POST", PATH, 403, content=line(1), headers={"Authorization": f"Bearer {secret}"})
        assert (await api.ask("GET", PATH, 405))["code"] == "bad_method"


async def test_no_more_than_two_at_once(dsn):
    async with open_api(dsn, seeded=False) as api, trio.open_nursery() as nursery:
        end = trio.Event()

        async def slow(first: int):
            async def pieces():
                yield b"".join(line(number) for number in range(first, first + MOST))
                await end.wait()

            assert (await api.ask("POST", PATH, content=pieces()))["imported"] == MOST

        nursery.start_soon(slow, 0)
        nursery.start_soon(slow, MOST)
        async with api.pool.acquire() as connection:
            while await connection.fetchval(BOTH, MOST) < 2:  # noqa: ASYNC110  nobody tells of it
                await trio.sleep(0.01)
        answer = await api.client.post(PATH, content=line(9))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
        end.set()


async def test_a_client_that_goes_away_leaves_room(dsn):
    async with open_api(dsn, seeded=False) as api:
        port = int(api.url.rpartition(":")[2])
        head = b"POST /api/import HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
        for number in range(5):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(head + line(number))
        while (await api.client.post(PATH, content=line(9))).status_code != 200:  # noqa: ASYNC110  nobody tells of it
            await trio.sleep(0.01)


def test_history_goes_as_it_comes_while_nothing_happens():
    pace = Pace(lambda: False)
    assert pace.pause(MOST, 10 * SHORT_SECONDS) == 0
    assert pace.most == MOST


def test_history_leaves_room_for_what_happens():
    happens = True
    pace = Pace(lambda: happens)
    assert pace.most == LEAST
    assert pace.pause(LEAST, SHORT_SECONDS / 2) == SHORT_SECONDS / 2
    assert pace.most == 2 * LEAST
    assert pace.pause(2 * LEAST, SHORT_SECONDS) == SHORT_SECONDS
    assert pace.most == 2 * LEAST
    pace.pause(1, 0.0)  # the last of a file says nothing
    assert pace.most == 2 * LEAST
    happens = False
    assert pace.pause(2 * LEAST, SHORT_SECONDS) == 0


def test_history_waits_the_longer_the_longer_events_do():
    pace = Pace(lambda: True)
    assert pace.pause(LEAST, LONG_SECONDS) == LONG_SECONDS
    assert pace.pause(LEAST, 5 * LONG_SECONDS) == 25 * LONG_SECONDS
    assert pace.most == LEAST
    assert pace.pause(LEAST, 60.0) == LONGEST_SECONDS
