"""Everything that segd's core refuses, as one tree.

SegdError                 code and sentence, safe to show to a client
├── DefinitionError       a definition that cannot be, with all its problems
└── MessageError          one message that cannot be taken; its neighbours can
"""

from typing import NamedTuple


class SegdError(Exception):
    """Something a caller may be told about.

    code: stable, snake_case, for programs. message: one sentence for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Problem(NamedTuple):
    """One thing wrong in a document: where (`on.did_not.event`; "" is the whole), and what would be right."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class DefinitionError(SegdError):
    """A definition that cannot be; `problems` holds all of them, in the order of the document."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("bad_definition", "; ".join(map(str, problems)))
        self.problems = problems


class MessageError(SegdError):
    """One message that cannot be taken."""
