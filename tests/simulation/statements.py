"""The statements of segd, by the names that they have in its SQL files.

What each does to the tables is told in `statements_of_messages` and `statements_of_segments`; `tests/store/contract`
runs all of them on Postgres, too, and compares.
"""

from collections.abc import Callable
from typing import Any

from segd.store.queries import _queries  # pyright: ignore[reportPrivateUsage]

Work = Callable[..., Any]
READS: dict[str, Work] = {}
WRITES: dict[str, Work] = {}
SETTINGS = (
    "look_up_by_key", "look_up_as_ever", "look_up_in_this", "plan_for_these_values", "make_months", "try_to_write",
)  # fmt: skip
LOCKS = ("take_writers_lock", "return_writers_lock")


def name_of(statement: str) -> str:
    """The name under which the statement is known here. Several of the files' may say the same."""
    if not _NAMES:
        known = {*READS, *WRITES, *SETTINGS, *LOCKS}
        _NAMES.update({text: name for name, text in _queries().items() if name in known})
    return _NAMES[statement]


_NAMES: dict[str, str] = {}


def reads(work: Work) -> Work:
    READS[work.__name__] = work
    return work


def writes(work: Work) -> Work:
    WRITES[work.__name__] = work
    return work
