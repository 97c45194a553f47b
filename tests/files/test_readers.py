"""Lines read by other processes."""

import json
import random

import pytest

from segd.core.deciding.digested import digest_lines
from segd.core.deciding.plan import Plan
from segd.core.events.messages import AHEAD
from segd.core.language.reading import read_definition
from segd.files import readers
from segd.files.lines import FileError

PLAN = Plan(
    [
        read_definition(
            {"name": "dear", "kind": "live", "on": {"type": "action", "did": {"event": "Cart", "where": [
                {"property": "price", "op": "gt", "value": 1.5}]}},
             "filter": {"type": "did", "event": "Cart", "measure": {
                 "fn": "sum", "property": "price", "op": "gt", "value": 2}}}
        )
    ]
)  # fmt: skip


@pytest.fixture
def two_processors(monkeypatch):
    monkeypatch.setattr(readers, "_processors", lambda: 2)
    monkeypatch.setattr(readers, "WORTH", 0)


def chunks(count: int) -> list[tuple[int, bytes]]:
    chance = random.Random(5)
    lines = [
        json.dumps({
            "type": "track", "event": chance.choice(["Cart", "Page"]), "userId": chance.choice("abc"),
            "messageId": f"m{number}", "timestamp": "2025-01-01T00:00:00.000Z",
            "properties": {"price": chance.randrange(30) / 10},
        }).encode()
        for number in range(count * 10)
    ]  # fmt: skip
    lines[15] = b"{"
    return [(first, b"\n".join(lines[first : first + 10])) for first in range(0, count * 10, 10)]


def comparable(digested):
    """Hashes differ from process to process."""
    return digested._replace(numbers=list(digested.numbers), keys=len(digested.keys))


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_chunks_come_back_in_order_as_they_would_without(two_processors, count):
    given = chunks(9)[:count]
    with readers.open_readers(PLAN, AHEAD, 1) as read:
        found = [comparable(one) for one in read(iter(given))]
        again = [comparable(one) for one in read(iter(given))]
    assert found == again == [comparable(digest_lines(PLAN, first, chunk)) for first, chunk in given]


def test_pipes_that_may_not_grow_serve_as_they_are(two_processors, monkeypatch):
    def deny(*_):
        raise PermissionError

    monkeypatch.setattr(readers, "fcntl", deny)
    with readers.open_readers(PLAN, AHEAD, 1) as read:
        assert [len(found.numbers) for found in read(iter(chunks(3)))] == [10, 9, 10]


def test_readers_hash_alike(two_processors):
    chunk = chunks(2)[0][1]
    with readers.open_readers(PLAN, AHEAD, 1) as read:
        keys = [found.keys for found in read(iter([(0, chunk)] * 5))]
    assert keys == keys[:1] * 5


def test_a_file_that_breaks_off_is_read_up_to_there(two_processors):
    def breaking():
        yield from chunks(4)
        raise FileError("broken")

    found = []
    with readers.open_readers(PLAN, AHEAD, 1) as read, pytest.raises(FileError, match="broken"):
        found.extend(read(breaking()))
    assert len(found) == 4


def test_readers_may_be_left_half_way(two_processors):
    with readers.open_readers(PLAN, AHEAD, 1) as read:
        next(read(iter(chunks(9))))


def test_small_files_are_read_without(monkeypatch):
    monkeypatch.setattr(readers, "_reader", None)
    with readers.open_readers(PLAN, AHEAD, 1000) as read:
        assert len(list(read(iter(chunks(3))))) == 3
