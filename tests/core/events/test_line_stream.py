"""Lines of a stream do not depend on how it was cut."""

import gzip
from codecs import BOM_UTF8

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segd.core.events.line_stream import DamagedError, LineStream
from segd.core.events.messages import LONGEST_MESSAGE


def lines(content: bytes, block: int, piece: int = 64) -> list[tuple[int, bytes]]:
    """Each with its number, of the stream in blocks of that size."""
    stream = LineStream(piece)
    runs: list[tuple[int, bytes]] = []
    for start in range(0, len(content), block):
        runs += stream.feed(content[start : start + block])
    runs += stream.end()
    return [(first + offset, line) for first, run in runs for offset, line in enumerate(run.split(b"\n"))]


@given(content=st.binary(max_size=300).map(lambda one: b"x" + one), block=st.integers(1, 400), zipped=st.booleans())
def test_every_line_comes_with_its_number(content: bytes, block: int, zipped: bool):
    expected = [*enumerate(content.split(b"\n"), start=1)]
    if not expected[-1][1]:
        expected.pop()
    assert lines(gzip.compress(content) if zipped else content, block) == expected


def test_a_mark_at_the_beginning_is_none_of_the_first_line():
    assert lines(BOM_UTF8 + b"a\nb", 1) == [(1, b"a"), (2, b"b")]
    assert lines(BOM_UTF8, 100) == []
    assert lines(b"", 100) == []


def test_several_gzip_members_are_one_stream():
    content = gzip.compress(b"a\nb") + gzip.compress(b"c\n") + gzip.compress(b"d")
    assert lines(content, 7) == [(1, b"a"), (2, b"bc"), (3, b"d")]


@pytest.mark.parametrize("cut", [1, 8, 12])
def test_gzip_that_breaks_off_is_told_after_its_whole_lines(cut: int):
    stream = LineStream(64)
    content = gzip.compress(b"a\nb\nc")[:-cut]
    runs = list(stream.feed(content))
    with pytest.raises(DamagedError, match=r"damaged after line \d+ \(it ends too early\)"):
        list(stream.end())
    assert runs in ([(1, b"a")], [(1, b"a\nb")])


def test_a_line_that_is_too_long_is_not_kept_in_full():
    stream = LineStream(64)
    for _ in range(30):
        assert list(stream.feed(b"x" * 100_000)) == []
    [(_, kept)] = stream.end()
    assert LONGEST_MESSAGE < len(kept) < LONGEST_MESSAGE + 200_000
