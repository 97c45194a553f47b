"""Whether the simulation would find what it is there to find."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from .mutations import MUTATIONS, found_by


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_what_is_broken_on_purpose_is_found(mutation: Callable[[], AbstractContextManager[Any]]) -> None:
    assert found_by(mutation, range(60))
