"""Sorting on disk."""

from hypothesis import given
from hypothesis import strategies as st

from segd.files.sorting import in_order


@given(st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=50)), max_size=100), st.integers(1, 3000))
def test_lines_come_by_timestamp_then_number(drawn: list[tuple[int, bytes]], run: int):
    lines = [(timestamp, number, line) for number, (timestamp, line) in enumerate(drawn)]
    assert list(in_order(iter(lines), run)) == sorted(lines)
