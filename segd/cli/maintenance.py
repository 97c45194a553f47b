"""`segd migrate` and `segd check-config`: what an operator runs by hand."""

from pathlib import Path
from typing import Any, cast

import click
import msgspec

from segd.cli.parameters import as_json
from segd.cli.settings import load, settings_options
from segd.cli.store import migrate_store
from segd.config import Address, Engage
from segd.core.time.instants import SECOND
from segd.store.bridge import without_password

LENGTHS = ("late_band", "ahead", "grace", "catch_up")


@click.command()
@as_json
@settings_options
def migrate(as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """Bring the tables of the database up to this segd.

    The embedded database is brought forward whenever it is used; one of your own only by this command.

    \b
    Example:
      segd migrate --config segd.toml
    """
    applied = migrate_store(load(config, state_dir))
    if as_json:
        click.echo(msgspec.json.encode({"applied": applied}))
        return
    for name in applied:
        click.echo(name)
    if not applied:
        click.echo("nothing to do: the tables are those of this segd")


@click.command("check-config")
@as_json
@settings_options
def check_config(as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """Print the configuration that is in force, or all that is wrong with it.

    \b
    Examples:
      segd check-config --config segd.toml
      segd check-config --json | jq -r .listen
    """
    told = {name: _told(name, value) for name, value in msgspec.structs.asdict(load(config, state_dir)).items()}
    if as_json:
        click.echo(msgspec.json.encode(told))
        return
    told["dsn"] = told["dsn"] or "of the embedded server"
    told["write_keys"] = " ".join(told["write_keys"]) or "one that is made at the first start"
    told["hosts"] = " ".join(told["hosts"]) or "none"
    told["engage"] = ", ".join(f"{link['name']} {link['url']}" for link in told["engage"]) or "none"
    for name, value in told.items():
        click.echo(f"{name} = {value}")


def _told(name: str, value: Any) -> Any:
    """A value as the configuration would say it, without a password."""
    if name in LENGTHS:
        return f"{value / SECOND:g}s"
    match value:
        case str() if name == "dsn":
            return without_password(value)
        case frozenset():
            return sorted(cast("frozenset[str]", value))
        case Path() | Address():
            return str(value)
        case tuple():
            return [link._asdict() for link in cast("tuple[Engage, ...]", value)]
        case _:
            return value
