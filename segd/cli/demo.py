"""`segd demo`: what segd does, shown on real events of a shop."""

import shutil
from pathlib import Path
from shlex import quote
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from segd.cli.parameters import FOLDER
from segd.core.explain_words import in_words
from segd.core.instants import to_text
from segd.core.population import Qualification
from segd.core.words import in_words as definition_in_words
from segd.demo import Run, run
from segd.sample import CREDIT, SEGMENTS, messages

UTC = ZoneInfo("UTC")
WIDEST = 110  # columns: longer lines are hard to read
PERIODS = 17  # of ten minutes
NEWEST = 8
LIVE = "cyan"

# Users of the sample who show what an explanation looks like, each with the segment that is asked about.
ASKED = (
    ("555464265", "Cart left for 10 minutes"),
    ("527209005", "Cart left for 10 minutes"),
    ("547983294", "Back after leaving a cart"),
    ("513632293", "Back after leaving a cart"),
)


@click.command()
@click.option(
    "--write", "folder", type=FOLDER, metavar="DIR",
    help="Write the events and the definitions there, to try other commands on, and show nothing.",
)  # fmt: skip
def demo(folder: Path | None) -> None:
    """Show live segments at work on real events of a shop.

    Events of some hours go through the very actors of the daemon, under a clock that the events turn; nothing is
    stored.

    \b
    Examples:
      segd demo
      segd demo --write shop
    """
    if folder is not None:
        _write(folder)
    else:
        _show(run(), Console(highlight=False, markup=False, emoji=False))


def _show(shown: Run, console: Console) -> None:
    if console.width > WIDEST:
        console.width = WIDEST
    hours = f"{to_text(shown.start)[:10]}, {to_text(shown.start)[11:16]} to {to_text(shown.end)[11:16]} UTC"
    console.print(f"A real shop on {hours}: {len(shown.instants):,} events of {shown.users:,} users.")
    console.print(
        f"{len(shown.definitions)} live segments took {_seconds(shown.seconds)} on one core, "
        f"{_rounded(len(shown.instants) / shown.seconds):,} events a second.\n"
    )
    _segments(shown, console)
    _newest(shown, console)
    _why(shown, console)
    _next(console)


# Segments


def _columns(console: Console) -> Table:
    """Fixed widths, so that tables printed one after the other stand in line."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=console.width - PERIODS - 9 - 5 - 8 - 8, no_wrap=True)
    table.add_column(width=PERIODS, no_wrap=True)
    table.add_column(width=9, justify="right", no_wrap=True)
    table.add_column(width=5, justify="right", no_wrap=True)
    table.add_column(width=8, justify="right", no_wrap=True)
    return table


def _segments(shown: Run, console: Console) -> None:
    head = _columns(console)
    head.add_row("Segment", "per 10 minutes", "qualified", "users", "last", style="dim")
    every = _bars(shown.per_period(shown.instants, PERIODS))
    head.add_row("every event, for comparison", every, "", f"{shown.users:,}", to_text(shown.end)[11:19], style="dim")
    console.print(head)
    for definition in shown.definitions:
        qualified = shown.of(definition.name)
        row = _columns(console)
        row.add_row(
            Text(definition.name, style="bold"),
            Text(_bars(shown.per_period([one.at for one in qualified], PERIODS)), style=LIVE),
            f"{len(qualified):,}",
            f"{len({one.user for one in qualified}):,}",
            to_text(qualified[-1].at)[11:19] if qualified else "—",
        )
        console.print(row)
        _indented(console, Text(definition_in_words(definition), style="dim"), 2)


def _bars(counts: list[int]) -> str:
    """From zero, which is a dot: a block stands for at least one."""
    most = max(counts, default=0) or 1
    return "".join("·" if count == 0 else "▁▂▃▄▅▆▇█"[(count * 8 - 1) // most] for count in counts)


# The feed


def _newest(shown: Run, console: Console) -> None:
    _heading(console, "The last to qualify")
    newest = shown.qualified[: -NEWEST - 1 : -1]
    users = max(len(one.user) for one in newest)
    segments = max(len(one.segment) for one in newest)
    for one in newest:
        console.print(
            Text(to_text(one.at)[11:19], style="dim"),
            Text(one.user.ljust(users), style="bold"),
            Text(one.segment.ljust(segments), style=LIVE),
            Text(_cause(shown, one), style="dim"),
            sep="  ",
        )


def _cause(shown: Run, qualified: Qualification) -> str:
    decisions = shown.why(qualified.user, qualified.segment).decisions
    cause = next(one.cause for one in decisions if (one.at, one.cause.cause) == (qualified.at, qualified.cause))
    return f"{cause.name} at {to_text(cause.at)[11:19]}"


# Why


def _why(shown: Run, console: Console) -> None:
    _heading(console, "Why, and why not")
    for number, (user, segment) in enumerate(ASKED):
        if number:
            console.print()
        console.print(Text(segment, style="bold"))
        for line in in_words(shown.why(user, segment), UTC):
            said = line.lstrip()
            _indented(console, Text(said, style=LIVE if said[0] == "✓" else ""), 2 + len(line) - len(said))


# What next


def _next(console: Console) -> None:
    _heading(console, "Try it yourself")
    console.print("segd demo --write shop", style="bold")
    for line in _commands("shop"):
        console.print(line, style="bold", soft_wrap=True)
    console.print("\nEvents: REES46 (https://rees46.com), free to use with credit.", style="dim")


def _commands(folder: str) -> tuple[str, str]:
    return (
        f"segd backtest {folder}/cart-left.json --events {folder}/events.ndjson",
        f"segd backtest {folder}/*.json --events {folder}/events.ndjson -o qualified.ndjson",
    )


def _write(folder: Path) -> None:
    targets = [folder / path.name for path in (*SEGMENTS, CREDIT)]
    events = folder / "events.ndjson"
    for target in (*targets, events):
        if target.exists():
            raise click.ClickException(f"{target} is there already; expected a new or empty folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source, target in zip((*SEGMENTS, CREDIT), targets, strict=True):
            shutil.copyfile(source, target)
        with events.open("wb") as file:
            file.writelines(message + b"\n" for message in messages())
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror}") from None
    click.echo(f"Wrote {len(SEGMENTS)} definitions and the events of a shop. Now try:\n")
    for line in _commands(quote(click.format_filename(folder))):
        click.echo(f"  {line}")


# Small things


def _heading(console: Console, title: str) -> None:
    console.print()
    console.print(Rule(Text(title, style="bold"), align="left", style="dim"))


def _indented(console: Console, text: Text, columns: int) -> None:
    for line in text.wrap(console, console.width - columns):
        line.rstrip()
        console.print(Text(" " * columns) + line)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _rounded(rate: float) -> int:
    """To two digits: more would be chance."""
    return int(round(rate, 2 - len(str(int(rate)))))
