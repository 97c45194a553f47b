"""Definition files named on the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from segd.core.errors import DefinitionError, Problem
from segd.core.language.definitions import Definition
from segd.core.language.reading import read_definition


class FileProblem(NamedTuple):
    """One thing wrong in a file of a definition. path: where in the document; empty for the whole."""

    file: Path
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {Problem(self.path, self.message)}"


def read_files(paths: Sequence[Path]) -> list[Definition]:
    """The definitions in these files, one in each. Raises click.ClickException naming every problem of every file."""
    definitions, problems = try_files(paths)
    if problems:
        raise click.ClickException("\n".join(map(str, problems)))
    return [definition for _, definition in definitions]


def try_files(paths: Sequence[Path]) -> tuple[list[tuple[Path, Definition]], list[FileProblem]]:
    """The definitions of the files that are good, and all that is wrong with the others."""
    definitions: list[tuple[Path, Definition]] = []
    problems: list[FileProblem] = []
    for path in paths:
        try:
            definitions.append((path, read_definition(path.read_bytes(), name=path.stem)))
        except OSError as error:
            problems.append(FileProblem(path, "", error.strerror or str(error)))
        except DefinitionError as error:
            problems += [FileProblem(path, problem.path, problem.message) for problem in error.problems]
    return definitions, problems
