"""`segd check` and `segd schema`: definitions looked at, without any events."""

import json
import sys
from pathlib import Path

import click

from segd.cli.definitions import read_files, try_files
from segd.cli.parameters import FILE
from segd.core.language.schema import definition_schema
from segd.core.language.words import in_words


@click.command()
@click.argument("definitions", nargs=-1, required=True, type=FILE, metavar="DEF.json…")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object, with the problems in it.")
def check(definitions: tuple[Path, ...], as_json: bool) -> None:
    """Say what definitions mean, in words, or all that is wrong with them.

    \b
    Examples:
      segd check segments/*.json
      segd check segments/*.json --json | jq '.problems[].file'
    """
    if not as_json:
        for definition in read_files(definitions):
            click.echo(f"{definition.name}: {in_words(definition)}")
        return
    good, problems = try_files(definitions)
    told = {
        "definitions": [
            {"file": str(file), "name": definition.name, "words": in_words(definition)} for file, definition in good
        ],
        "problems": [{"file": str(one.file), "path": one.path, "message": one.message} for one in problems],
    }
    click.echo(json.dumps(told, ensure_ascii=False))
    if problems:
        sys.exit(1)


@click.command()
def schema() -> None:
    """Print the JSON Schema of the definition language, for editors.

    \b
    Example:
      segd schema > segment.schema.json
    """
    click.echo(json.dumps(definition_schema(), indent=2, ensure_ascii=False))
