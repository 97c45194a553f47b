"""`segd import` and `segd query`: history into the store, and questions to it."""

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import SplitResult
from zoneinfo import ZoneInfo

import click
import msgspec

from segd.cli.client import AwayError, Daemon, RefusedError, daemon_options, reachable
from segd.cli.definitions import read_files
from segd.cli.parameters import FILE, as_instant, as_json, as_zone
from segd.cli.progress import reading
from segd.cli.refused import Refused
from segd.cli.sending import send_files
from segd.cli.settings import load, settings_options
from segd.cli.store import with_store
from segd.core.language import definitions as d
from segd.core.language.phrases import plural
from segd.core.time.calendar import zone as zone_named
from segd.core.time.instants import Instant, to_text
from segd.files.columns import Columns, MappingError, read_columns
from segd.files.lines import on_disk
from segd.store.beside import find_daemon
from segd.store.bridge import Pool
from segd.store.conditions_sql import Compiled
from segd.store.history import members, prepare
from segd.store.importing import ImportSummary, import_files


def _as_columns(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> Columns | None:
    """Given several times, it is one mapping."""
    if not value:
        return None
    try:
        return read_columns(",".join(value))
    except MappingError as error:
        raise click.BadParameter("\n".join(map(str, error.problems))) from None


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--map", "columns", callback=_as_columns, multiple=True, metavar="FIELD=COLUMN,…",
    help="The files are CSV: which columns hold user (or anonymous), event and timestamp, and id where rows have one.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON.")
@daemon_options
@settings_options
def import_history(
    files: tuple[str, ...],
    columns: Columns | None,
    as_json: bool,
    url: SplitResult | None,
    token: str | None,
    config: Path | None,
    state_dir: Path | None,
) -> None:
    """Bring history in: Segment messages, one JSON object a line, plain or gzip; - is standard input.

    What is there already is passed over, so that a file may be imported again, also after an import that was
    interrupted. Lines that are no messages are told by number and passed over; it is an error if all of them are, or a
    file cannot be read to its end. Imported history starts nothing live. Where a daemon runs on the database, it is
    sent there.

    CSV files, whose first line names the columns, are read by a mapping. A text in quotes stands for itself, and after
    the timestamp's column comes its unit, if it is no ISO date-time: s, ms or us. All other columns become properties,
    numbers as numbers. Rows that are alike in every column count once, unless a column is their id.

    \b
    Examples:
      segd import 2024.ndjson.gz 2025.ndjson.gz
      segd import shop.csv.gz --map user=visitorid,event=event,timestamp=timestamp:ms
      segd import orders.csv --map "user=customer,event='Ordered',timestamp=at,id=order_no"
      segd import old.ndjson --url https://segd.example.com --token "$TOKEN"
    """
    if columns is None and (tables := [name for name in files if name.removesuffix(".gz").endswith(".csv")]):
        raise click.UsageError(
            f"{tables[0]}: a CSV file needs --map, such as user=visitorid,event=event,timestamp=ts:ms"
        )
    settings = load(config, state_dir)
    summary = ImportSummary()
    refused = Refused()
    began = time.monotonic()
    now = _now()
    with ExitStack() as stack:
        paths = [stack.enter_context(on_disk(name)) for name in files]
        size = sum(path.stat().st_size for path in paths if path.exists())
        progress = stack.enter_context(reading("Import", size))

        async def write_or_find_daemon(pool: Pool) -> SplitResult | None:
            async with pool.acquire() as connection:
                found = await find_daemon(connection)
            if found is not None:
                return reachable(found)
            await import_files(
                pool,
                paths,
                now,
                summary,
                columns=columns,
                ahead=settings.ahead,
                refuse=refused.add,
                progress=progress,
            )
            return None

        try:
            where = url or with_store(settings, write_or_find_daemon)
            if where is not None:
                with Daemon(where, token) as daemon:
                    send_files(
                        daemon,
                        paths,
                        now,
                        summary,
                        columns=columns,
                        ahead=settings.ahead,
                        refuse=refused.add,
                        progress=progress,
                    )
        except (RefusedError, AwayError) as error:
            summary.broken.append(error.message)
        except KeyboardInterrupt:
            summary.broken.append("interrupted: what was imported stays; import again to have the rest")
    if not summary.broken and summary.lines and summary.lines == summary.refused.total():
        summary.broken.append("nothing was imported: every line was refused")
    refused.tell(summary.refused.total(), dict(zip(paths, files, strict=True)))
    seconds = time.monotonic() - began
    if as_json:
        click.echo(msgspec.json.encode(_as_data(summary, seconds)))
    else:
        click.echo(_in_words(summary, seconds))
    for problem in summary.broken:
        click.echo(f"Error: {problem}", err=True)
    if summary.broken:
        sys.exit(1)


def _in_words(summary: ImportSummary, seconds: float) -> str:
    lines = [
        f"{plural(summary.imported, 'message')} imported"
        + (f", {summary.repeated:,} were there already" if summary.repeated else "")
        + (f", {plural(summary.refused.total(), 'line')} refused" if summary.refused else "")
        + f"; {seconds:.1f} seconds ({summary.lines / max(seconds, 1e-9):,.0f} lines a second)"
    ]
    lines += [f"  refused as {code}: {count:,}" for code, count in summary.refused.most_common()]
    if summary.junk_ids:
        lines.append(f"  junk ids dropped beside good ones: {summary.junk_ids:,}")
    return "\n".join(lines)


def _as_data(summary: ImportSummary, seconds: float) -> dict[str, object]:
    return {
        "imported": summary.imported,
        "repeated": summary.repeated,
        "refused": summary.refused,
        "junkIds": summary.junk_ids,
        "broken": summary.broken,
        "seconds": round(seconds, 3),
    }


@click.command()
@click.argument("definition", type=FILE, metavar="DEF.json")
@click.argument("others", nargs=-1, type=FILE, metavar="[OTHER.json…]")
@click.option("--as-of", callback=as_instant, metavar="T", help="The instant asked about, an ISO date-time; else now.")
@click.option("--zone", callback=as_zone, metavar="ZONE", help="The account's time zone; else the configured one.")
@as_json
@click.option("--explain", is_flag=True, help="Write the SQL in place of the answer.")
@settings_options
def query(
    definition: Path,
    others: tuple[Path, ...],
    as_of: Instant | None,
    zone: ZoneInfo | None,
    as_json: bool,
    explain: bool,
    config: Path | None,
    state_dir: Path | None,
) -> None:
    """Who is in a past-behaviour segment: the user ids, one a line, sorted by code point.

    DEF.json holds the definition. Segments that it names by in_segment are those of the store, and the past ones in
    the OTHER files.

    \b
    Example:
      segd query faithful.json --as-of 2025-06-01T00:00:00Z
    """
    settings = load(config, state_dir)
    paths = (definition, *others)
    asked, *given = (_past(path, read) for path, read in zip(paths, read_files(paths), strict=True))
    at = _now() if as_of is None else as_of
    account_zone = zone or zone_named(settings.zone)

    async def ask(pool: Pool) -> list[str]:
        async with pool.acquire() as connection:
            return await members(connection, asked, at, account_zone, given)

    async def compile(pool: Pool) -> Compiled:
        async with pool.acquire() as connection:
            return await prepare(connection, asked, at, account_zone, given)

    if explain:
        compiled = with_store(settings, compile)
        if as_json:
            click.echo(msgspec.json.encode({"asOf": to_text(at), "sql": compiled.text, "values": compiled.values}))
            return
        values = [f"-- ${number}: {value!r}" for number, value in enumerate(compiled.values, start=1)]
        click.echo("\n".join([compiled.text, *values]))
        return
    ids = with_store(settings, ask)
    if as_json:
        click.echo(msgspec.json.encode({"asOf": to_text(at), "count": len(ids), "userIds": ids}))
    elif ids:
        click.echo("\n".join(ids))


def _past(path: Path, definition: d.Definition) -> d.Past:
    if not isinstance(definition, d.Past):
        raise click.ClickException(f"{path}: this is a live segment: `segd backtest` answers those")
    return definition


def _now() -> Instant:
    return time.time_ns() // 1000
