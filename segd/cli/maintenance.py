"""`segd migrate` and `segd check-config`: what an operator runs by hand."""

from pathlib import Path

import click
import msgspec

from segd.cli.settings import load, settings_options
from segd.cli.store import migrate_store
from segd.core.instants import SECOND
from segd.store.bridge import without_password

LENGTHS = ("late_band", "ahead")


@click.command()
@settings_options
def migrate(config: Path | None, state_dir: Path | None) -> None:
    """Bring the tables of the database up to this segd.

    The embedded database is brought forward whenever it is used; one of your own only by this command.

    \b
    Example:
      segd migrate --config segd.toml
    """
    applied = migrate_store(load(config, state_dir))
    for name in applied:
        click.echo(name)
    if not applied:
        click.echo("nothing to do: the tables are those of this segd")


@click.command("check-config")
@settings_options
def check_config(config: Path | None, state_dir: Path | None) -> None:
    """Print the configuration that is in force, or all that is wrong with it.

    \b
    Example:
      segd check-config --config segd.toml
    """
    settings = load(config, state_dir)
    for name, value in msgspec.structs.asdict(settings).items():
        if name == "dsn":
            value = "of the embedded server" if value is None else without_password(value)
        elif name in LENGTHS:
            value = f"{value / SECOND:g}s"
        elif name == "write_keys":
            value = " ".join(sorted(settings.write_keys)) or "one that is made at the first start"
        click.echo(f"{name} = {value}")
