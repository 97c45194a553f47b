"""`segd check` and `segd schema`: definitions looked at, without any events."""

import json
from pathlib import Path

import click

from segd.cli.definitions import read_files
from segd.cli.parameters import FILE
from segd.core.schema import definition_schema
from segd.core.words import in_words


@click.command()
@click.argument("definitions", nargs=-1, required=True, type=FILE, metavar="DEF.json…")
def check(definitions: tuple[Path, ...]) -> None:
    """Say what definitions mean, in words, or all that is wrong with them.

    \b
    Example:
      segd check segments/*.json
    """
    for definition in read_files(definitions):
        click.echo(f"{definition.name}: {in_words(definition)}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of the definition language, for editors.

    \b
    Example:
      segd schema > segment.schema.json
    """
    click.echo(json.dumps(definition_schema(), indent=2, ensure_ascii=False))
