"""`segd why`: why a user is in a segment, or is not."""

from pathlib import Path

import click
import msgspec

from segd.actors.clock import now
from segd.cli.plain import plain
from segd.cli.settings import load, settings_options
from segd.cli.store import with_store
from segd.core.answers import UserKey
from segd.core.time.calendar import zone as zone_named
from segd.core.why.explain_data import as_data
from segd.core.why.verdict import Told, verdict
from segd.store.bridge import Connection, Pool
from segd.store.segment_rows import Segment, find_segment
from segd.store.session import Row
from segd.store.why import user_row
from segd.store.why import why as explain


@click.command()
@click.argument("user", metavar="USER")
@click.argument("segment", metavar="SEGMENT")
@click.option("--anonymous", is_flag=True, help="USER is an anonymousId, also where there is such a userId.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object, with the same as data.")
@settings_options
def why(user: str, segment: str, anonymous: bool, as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """Why USER is in SEGMENT, or what is missing.

    USER is a userId, or an anonymousId where there is no such userId; SEGMENT a name or a number.

    \b
    Example:
      segd why ann "Cart left for 10 minutes"
    """
    settings = load(config, state_dir)
    zone = zone_named(settings.zone)

    async def ask(pool: Pool) -> tuple[Segment, Row, Told]:
        async with pool.acquire() as connection:
            asked = await find_segment(connection, segment)
            if asked is None:
                raise click.ClickException(f"there is no segment {segment!r}")
            found = await _find(connection, user, anonymous)
            return asked, found, await explain(connection, found, asked.number, zone, now())

    asked, found, told = with_store(settings, ask)
    holds, words = verdict(told, zone)
    if not as_json:
        click.echo("\n".join(map(plain, words)))
        return
    answer = {
        "segment": asked.name,
        "segmentId": asked.number,
        "userId": found["id"],
        "anonymous": found["anonymous"],
        "holds": holds,
        "words": words,
        "evidence": as_data(told.about),
    }
    click.echo(msgspec.json.Encoder(decimal_format="number").encode(answer))


async def _find(connection: Connection, id: str, anonymous: bool) -> Row:
    """Trio. Raises click.ClickException."""
    for kind in (True,) if anonymous else (False, True):
        try:
            return await user_row(connection, UserKey(id, kind))
        except LookupError:
            continue
    raise click.ClickException(f"there is no user with the id {id!r}")
