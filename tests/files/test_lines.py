"""Files in chunks of whole lines: plain, gzip, and what is wrong with them."""

import gzip
import os
import threading
from pathlib import Path

import pytest

from segd.core.events.messages import LONGEST_MESSAGE
from segd.files.lines import CHUNK, FileError, on_disk, read_chunks


def lines(path: Path) -> list[tuple[int, bytes]]:
    """Every line with its number."""
    return [(first + n, line) for first, chunk in read_chunks(path) for n, line in enumerate(chunk.split(b"\n"))]


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["no final newline", "final newline"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_every_line_keeps_its_number(tmp_path, pack, end):
    expected = [(n, b"x" * (n * 100)) for n in range(1, 200)]
    path = tmp_path / "file"
    path.write_bytes(pack(b"\n".join(line for _, line in expected) + end))
    assert lines(path) == expected
    assert len(list(read_chunks(path))) > 1


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbf1\n2\n")
    assert lines(path) == [(1, b"1"), (2, b"2")]


def test_gzip_of_several_members_is_one_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"1\n2") + gzip.compress(b"3\n") + b"\0\0")
    assert lines(path) == [(1, b"1"), (2, b"23")]


@pytest.mark.parametrize(("cut", "added"), [(100, b""), (0, b"no gzip")], ids=["cut off", "followed by nonsense"])
def test_damaged_gzip_gives_its_whole_lines_first(tmp_path, cut, added):
    content = b"".join(b"%d %s\n" % (n, os.urandom(20).hex().encode()) for n in range(10_000))
    path, found = tmp_path / "file.gz", []
    packed = gzip.compress(content)
    path.write_bytes(packed[: len(packed) - cut] + added)
    with pytest.raises(FileError, match=r"file\.gz: the gzip data is damaged after line [\d,]+"):
        found.extend(chunk for _, chunk in read_chunks(path))
    assert content.startswith(b"\n".join(found) + b"\n")
    assert sum(chunk.count(b"\n") + 1 for chunk in found) > 9_900


def test_a_line_without_end_takes_bounded_memory_and_keeps_its_neighbours(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"1\n" + b"x" * (5 * LONGEST_MESSAGE) + b"\n3\n")
    (_, first), (number, long), (_, last) = lines(path)
    assert (first, number, last) == (b"1", 2, b"3")
    assert LONGEST_MESSAGE < len(long) < LONGEST_MESSAGE + 2 * CHUNK


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileError, match="nowhere: No such file"):
        list(read_chunks(tmp_path / "nowhere"))


def test_a_pipe_can_be_read_twice(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"1\n2\n",))
    writer.start()
    with on_disk(str(pipe)) as path:
        assert lines(path) == lines(path) == [(1, b"1"), (2, b"2")]
    writer.join()
