"""The demo, and the sample it ships with."""

import html
import io
import json
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import msgspec
import pytest
import trio
import trio.testing
from click.testing import CliRunner
from demo import SEGD, opened

from segd.backtest import backtest
from segd.cli.demo import demo
from segd.core.deciding.plan import Plan
from segd.core.errors import MessageError
from segd.core.events.messages import Event, read_line
from segd.core.events.plain import read_lines
from segd.core.language.reading import read_definition
from segd.core.ports import Unavailable
from segd.core.time.instants import HOUR, SECOND, parse_timestamp
from segd.demo import HISTORY, Round, replay
from segd.sample import CREDIT, SEGMENTS, definitions, lines, messages
from segd.sample.people import traits

README = (Path(__file__).parents[2] / "README.md").read_text()
EPOCH = parse_timestamp("2026-01-01T00:00:00Z")


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """What `segd demo --write` writes."""
    folder = tmp_path / "shop"
    result = CliRunner().invoke(demo, ["--write", str(folder)])
    assert result.exit_code == 0, result.output
    assert f"segd backtest {folder}/cart-left.json --events {folder}/events.ndjson" in result.output
    return folder


def test_the_sample_is_whole():
    events = [event for _, event in read_lines(b"\n".join(lines()))]
    assert not any(isinstance(event, MessageError) for event in events)
    names = [event.name for event in events if isinstance(event, Event)]
    assert {name: names.count(name) for name in set(names)} == {
        "Product Viewed": 17_055,
        "Added To Cart": 165,
        "Order Completed": 214,
    }
    assert len(definitions()) == len(SEGMENTS) == 11
    assert "https://rees46.com" in CREDIT.read_text()


def test_a_backtest_of_what_was_written_finds_the_70_left_carts(written: Path):
    """165 cart events, of which 70 have no purchase of the same user within 600 s, as counted from the rows."""
    plan = Plan([read_definition((written / "cart-left.json").read_bytes())])
    output = io.BytesIO()
    until = parse_timestamp("2019-10-01T03:00:00Z")  # when the last window has closed
    summary = backtest(plan, [written / "events.ndjson"], output, until=until)
    assert (summary.events, summary.users, summary.open) == (17_434, 4_504, 0)
    found = [json.loads(line) for line in output.getvalue().splitlines()]
    assert len({line["cause"] for line in found}) == len(found) == 70


def test_writing_keeps_what_is_there(written: Path):
    (written / "events.ndjson").unlink()
    result = CliRunner().invoke(demo, ["--write", str(written)])
    assert result.exit_code == 1
    assert "is there already" in result.output
    assert not (written / "events.ndjson").exists()


def test_users_are_the_same_people_every_time():
    assert traits("541312140") == traits("541312140")
    people = [traits(str(number)) for number in range(200)]
    assert {person["tier"] for person in people} == {"basic", "silver", "gold"}
    assert all(person.get("email", "@example.com").endswith("@example.com") for person in people)


def test_users_of_a_later_round_are_others_and_are_told_of_first():
    shop = list(messages())[:100]
    first, second = ([*Round(number).messages(shop)] for number in (1, 2))
    for found in (first, second):
        read = [read_line(msgspec.json.Encoder(decimal_format="number").encode(message)) for message in found]
        known: set[str | None] = set()
        for event in read:
            assert event.kind == "identify" or event.user_id in known
            known.add(event.user_id)
    for name in ("userId", "messageId"):
        assert not {message[name] for message in first} & {message[name] for message in second}


class Journal:
    """Answers at once, but that the first time it is away."""

    def __init__(self) -> None:
        self.taken: list[tuple[float, Event]] = []
        self.away = True

    async def append(self, events: Sequence[Event], *, trusted: bool = False) -> None:
        if self.away:
            self.away = False
            raise Unavailable("unavailable", "away", retry_after=1)
        self.taken += [(trio.current_time(), event) for event in events]


async def test_the_shop_goes_on_at_its_pace_and_from_now_on_after_a_sleep(autojump_clock: trio.testing.MockClock):
    journal, started, asleep = Journal(), trio.current_time(), 0

    def now() -> int:
        nonlocal asleep
        if len(journal.taken) >= 3:
            asleep = HOUR
        return EPOCH + asleep + round((trio.current_time() - started) * SECOND)

    def message(number: int, second: int) -> dict[str, Any]:
        timestamp = f"2019-10-01T00:00:{second:02}.000Z"
        return {"type": "track", "event": "A", "userId": "u", "messageId": str(number), "timestamp": timestamp}

    await replay(journal, now, [message(number, second) for number, second in enumerate((0, 5, 5, 20, 30))])
    assert [round(at - started) for at, _ in journal.taken] == [1, 5, 5, 5, 15]
    instants = [event.timestamp - EPOCH for _, event in journal.taken]
    assert instants == [0, 5 * SECOND, 5 * SECOND, HOUR + 5 * SECOND, HOUR + 15 * SECOND]


def test_what_it_prints_to_try_works_and_a_second_start_goes_on(state_dir: Path):
    with opened(state_dir) as demo:
        assert demo.ask("/status")["demo"] is True
        segments = demo.ask("/segments")["segments"]
        assert {segment["name"] for segment in segments} == {definition.name for definition in definitions()}
        watch, curl, why = demo.commands
        for command in (watch, curl, why):
            plain = command.replace(f" --url {demo.url}", "").replace(str(SEGD), ".venv/bin/segd")
            plain = plain.replace(demo.url, "http://127.0.0.1:7337").replace(str(state_dir), "~/.local/state/segd")
            assert re.sub("[0-9a-f]{32}", "WRITE_KEY", plain) in README
        with subprocess.Popen(shlex.split(watch), stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout
            assert any(line.startswith("+") for line in watching.stdout)
            watching.send_signal(signal.SIGINT)
        posted = subprocess.run(shlex.split(curl), capture_output=True, text=True, check=True)
        assert posted.stdout == '{"success":true}'
        said = subprocess.run(shlex.split(why), capture_output=True, text=True, check=True).stdout
        assert said.startswith("ann has not qualified yet"), said
        assert "window of 30 seconds" in said
    with opened(state_dir) as demo:
        assert demo.ask("/segments")["segments"] != []
        assert demo.ask("/user?id=ann")["user"]["id"] == "ann"
        first = f"{list(messages())[HISTORY]['userId']}-2"  # of those who come now
        while not demo.knows(first):
            time.sleep(0.1)


def test_the_shop_tracks_with_the_write_key_and_under_the_strict_policy(state_dir: Path):
    with opened(state_dir) as demo:
        key = demo.ask("/status")["writeKey"]
        for path in ("/shop", "/shop/product/bicycle", "/shop/cart", "/shop/magazine"):
            with urlopen(demo.url + path) as answer:
                page = html.unescape(answer.read().decode())
                policy = answer.headers["Content-Security-Policy"]
            assert "script-src 'self'" in policy
            assert "unsafe" not in policy
            assert not re.search(r"<script>|<style|style=| on[a-z]+=", page)
            assert "magazine" in path or f'data-write-key="{key}"' in page
            for segment in re.findall(r'"/segments/([^"]+)"', page):
                assert demo.ask(f"/segments/{quote(segment)}")["name"] == segment
            for file in re.findall(r'(?:src|href)="(/shop/files/[^"]+)"', page):
                urlopen(demo.url + file).close()
        with pytest.raises(HTTPError) as refused:
            urlopen(f"{demo.url}/shop/product/moon")
        assert refused.value.code == 404
        refused.value.close()
