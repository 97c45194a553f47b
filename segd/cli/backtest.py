"""`segd backtest`: who would have qualified, over a file of events."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import click
import msgspec

from segd.backtest import Order, Summary
from segd.backtest import backtest as run
from segd.cli.definitions import read_files
from segd.cli.parameters import FILE, as_instant, as_zone
from segd.cli.progress import reading
from segd.cli.refused import Refused
from segd.cli.settings import load, settings_options
from segd.core.deciding.plan import Plan
from segd.core.errors import DefinitionError
from segd.core.language.phrases import plural
from segd.core.time.calendar import zone as zone_named
from segd.core.time.instants import Instant
from segd.files.lines import on_disk


@click.command()
@click.argument("definitions", nargs=-1, required=True, type=FILE, metavar="DEF.json…")
@click.option(
    "--events", "events", multiple=True, required=True, metavar="FILE",
    help="Segment messages, one JSON object a line, plain or gzip; - is standard input. May be given more than once.",
)  # fmt: skip
@click.option(
    "--until", callback=as_instant, metavar="T", help="End of time, an ISO date-time; else that of the last event."
)
@click.option("-o", "--output", type=FILE, help="Where to write; without, or with -, standard output.")
@click.option(
    "--order", type=click.Choice(["timestamp", "arrival"]), default="timestamp", show_default=True,
    help="Put events in order of time, or take them as the file has them, with the late band and its retractions.",
)  # fmt: skip
@click.option("--zone", callback=as_zone, metavar="ZONE", help="The account's time zone; else the configured one.")
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON.")
@settings_options
def backtest(
    definitions: tuple[Path, ...],
    events: tuple[str, ...],
    until: Instant | None,
    output: Path | None,
    order: Order,
    zone: ZoneInfo | None,
    as_json: bool,
    config: Path | None,
    state_dir: Path | None,
) -> None:
    """Say who would have qualified for live segments over a file of events.

    Each DEF.json holds one definition. Segments that the filters of others name by in_segment must be given too. The
    result has one JSON line for each qualification, in order of time; a summary goes to standard error.

    \b
    Examples:
      segd backtest cart.json --events shop.ndjson.gz
      segd backtest segments/*.json --events shop.ndjson --until 2025-03-01T00:00:00Z -o qualified.ndjson
    """
    settings = load(config, state_dir)
    try:
        plan = Plan(read_files(definitions), zone or zone_named(settings.zone))
    except DefinitionError as error:
        raise click.ClickException("\n".join(map(str, error.problems))) from None
    if not plan.live:
        raise click.ClickException("none of these is a live segment: `segd query` answers past-behaviour ones")
    refused = Refused()
    with ExitStack() as stack:
        files = [stack.enter_context(on_disk(name)) for name in events]
        size = sum(path.stat().st_size for path in files if path.exists())
        sink = stack.enter_context(_opened(output)) if output not in (None, Path("-")) else sys.stdout.buffer
        progress = stack.enter_context(reading("Backtest", size))
        try:
            summary = run(
                plan,
                files,
                sink,
                order=order,
                until=until,
                late_band=settings.late_band,
                ahead=settings.ahead,
                refuse=refused.add,
                progress=progress,
            )
            sink.flush()
        except BrokenPipeError:  # whoever read has enough
            raise
        except OSError as error:
            raise click.ClickException(f"the result cannot be written: {error.strerror}") from None
    refused.tell(summary.refused, dict(zip(files, events, strict=True)))
    if as_json:
        click.echo(msgspec.json.encode(_as_data(summary, plan)), err=True)
    else:
        click.echo(_in_words(summary, plan), err=True)
    for problem in summary.broken:
        click.echo(f"Error: {problem}", err=True)
    if summary.broken:
        sys.exit(1)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None


def _as_data(summary: Summary, plan: Plan) -> dict[str, object]:
    return {
        "events": summary.events,
        "users": summary.users,
        "refused": summary.refused,
        "repeated": summary.repeated,
        "afterUntil": summary.after_until,
        "qualified": {segment.name: summary.qualified.get(segment.name, 0) for segment in plan.live},
        "open": summary.open,
        "broken": summary.broken,
        "seconds": round(summary.seconds, 3),
    }


def _in_words(summary: Summary, plan: Plan) -> str:
    lines = [
        f"{plural(summary.events, 'event')} of {plural(summary.users, 'user')}"
        + (f", {plural(summary.refused, 'line')} refused" if summary.refused else "")
        + (f", {summary.repeated:,} repeated" if summary.repeated else "")
        + (f", {summary.after_until:,} after the end" if summary.after_until else ""),
    ]
    width = max(len(segment.name) for segment in plan.live)
    for segment in plan.live:
        lines.append(f"  {segment.name:<{width}}  {summary.qualified.get(segment.name, 0):>9,} qualified")
    lines.append(
        f"{sum(summary.qualified.values()):,} qualified, {plural(summary.open, 'window')} still open, "
        f"{summary.seconds:.1f} seconds ({summary.events / max(summary.seconds, 1e-9):,.0f} events a second)"
    )
    return "\n".join(lines)
