"""Definition files named on the command line."""

from collections.abc import Sequence
from pathlib import Path

import click

from segd.core.definitions import Definition
from segd.core.errors import DefinitionError
from segd.core.reading import read_definition


def read_files(paths: Sequence[Path]) -> list[Definition]:
    """The definitions in these files, one in each. Raises click.ClickException naming every problem of every file."""
    definitions: list[Definition] = []
    problems: list[str] = []
    for path in paths:
        try:
            definitions.append(read_definition(path.read_bytes(), name=path.stem))
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
        except DefinitionError as error:
            problems += [f"{path}: {problem}" for problem in error.problems]
    if problems:
        raise click.ClickException("\n".join(problems))
    return definitions
