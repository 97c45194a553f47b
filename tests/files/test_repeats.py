"""Repeats: at once where they are near, in the end where they are far."""

from hypothesis import given
from hypothesis import strategies as st

from segd.files.repeats import Repeats


@given(st.lists(st.integers(0, 30).map(str), max_size=200), st.integers(1, 20))
def test_two_passes_find_every_repeat(ids: list[str], generation: int):
    first = {id: number for number, id in reversed(list(enumerate(ids)))}
    expected = {number for number, id in enumerate(ids) if first[id] != number}
    with Repeats(generation=generation) as repeats:
        near = {number for number, id in enumerate(ids) if repeats.is_repeat(id, number)}
        missed = repeats.missed()
    assert near | missed == expected
    with Repeats(missed, generation) as repeats:
        assert {number for number, id in enumerate(ids) if repeats.is_repeat(id, number)} == expected


@given(st.lists(st.integers(0, 30), max_size=200), st.integers(1, 20), st.integers(1, 9))
def test_many_at_a_time_are_found_as_one_by_one(keys: list[int], generation: int, run: int):
    expected = {number for number, key in enumerate(keys) if key in keys[:number]}
    drop: frozenset[int] = frozenset()
    for _ in range(2):
        found: set[int] = set()
        with Repeats(drop, generation) as repeats:
            for start in range(0, len(keys), run):
                some = keys[start : start + run]
                found |= repeats.find(some, range(start, start + len(some)))
            drop |= repeats.missed()
    assert found == expected


def test_nothing_goes_to_disk_while_memory_is_enough():
    with Repeats() as repeats:
        assert [repeats.is_repeat(id, n) for n, id in enumerate("abab")] == [False, False, True, True]
        assert repeats.missed() == frozenset()
