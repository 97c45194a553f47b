"""What options take, beyond what click knows: callbacks that read instants, addresses and time zones."""

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from segd.config import Address, parse_address
from segd.core.time.calendar import zone
from segd.core.time.instants import Instant, parse_timestamp

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")


def as_instant(ctx: click.Context, param: click.Parameter, value: str | None) -> Instant | None:
    """An ISO date-time, in UTC where it names no zone."""
    if value is None:
        return None
    try:
        return parse_timestamp(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}, found {value!r}") from None


def as_address(ctx: click.Context, param: click.Parameter, value: str | None) -> Address | None:
    """Where to listen."""
    try:
        return None if value is None else parse_address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def as_zone(ctx: click.Context, param: click.Parameter, value: str | None) -> ZoneInfo | None:
    """A name of the IANA time zone database."""
    if value is None:
        return None
    try:
        return zone(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
