"""Lines of files that are no messages: the first are told one by one, all are counted."""

from collections.abc import Mapping
from pathlib import Path

import click

from segd.core.errors import MessageError

REPORTED = 20


class Refused:
    """Holds the first refused lines until the progress bar is gone; one that is met again counts once."""

    def __init__(self) -> None:
        self._first: dict[tuple[Path, int], str] = {}

    def add(self, path: Path, number: int, error: MessageError) -> None:
        if len(self._first) < REPORTED:
            self._first[path, number] = error.message

    def tell(self, count: int, names: Mapping[Path, str]) -> None:
        """Write them to standard error. count: of all. names: what the files were called by who gave them."""
        for (path, number), message in self._first.items():
            click.echo(f"{names[path]}:{number}: {message}", err=True)
        if count > len(self._first):
            click.echo(f"… and {count - len(self._first):,} more lines that are no messages", err=True)
