"""`segd test`: story files, run."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from segd.core.time.instants import to_text
from segd.stories.reading import StoryError, read_stories
from segd.stories.running import Outcome, run
from segd.stories.story import Change, Entry
from segd.stories.telling import differences, offset_text


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@click.option("--json", "as_json", is_flag=True, help="Write the outcome of every story as JSON.")
def test(files: tuple[Path, ...], as_json: bool) -> None:
    """Test segments against stories: events at offsets, and who should qualify.

    Each FILE holds stories in TOML. No database and no daemon is needed. Ends with 1 where a story fails and with 2
    where a file cannot be read.

    \b
    Example (carts.toml; run as: segd test carts.toml):
      definition = "cart.json"      # a file beside this one, or the definition itself as a table

    \b
      [[story]]
      name = "Buying in time cancels"
      events = [
        '0m  ann: Added To Cart {"price": 3}',
        '1m  bob: Added To Cart',
        '5m  ann: Charged',
      ]
      until = "1h"                  # time ends here; without it, at the last event
      expect = ["11m bob by 1m"]    # when, who, and (if it matters) what made it so

    \b
    An instant is an offset from start (2025-01-01T00:00:00Z if not given) or a date-time with its zone. An event is a
    line, or a table that holds a Segment message.

    \b
    Lines of events:
      10m ann: Added To Cart       userId ann tracks Added To Cart; without "ann:" it is somebody
      10m ~phone: Added To Cart    anonymousId phone
      10m ann~phone: Logged In     both
      10m $page https://…          also $screen NAME, $identify {"city": "Rome"}, $group, $alias ID

    A story may set definition (one or a list), start, zone (the account's), until, and order = "arrival": events then
    come as they are listed, and expect has also "11m bob retracted" and "11m bob corrected to 12m". For a past segment
    it has members = ["ann"], and as_of. Where there are several segments, expect and members are tables by segment.
    """
    problems: list[str] = []
    outcomes: list[Outcome] = []
    for file in files:
        try:
            outcomes += map(run, read_stories(file))
        except StoryError as error:
            problems += [f"{file}: {problem}" for problem in error.problems]
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if as_json:
        click.echo(msgspec.json.encode(_document(outcomes, problems)))
    else:
        _tell(failed, problems)
        click.echo(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    sys.exit(2 if problems else 1 if failed else 0)


def _tell(failed: Sequence[Outcome], problems: Sequence[str]) -> None:
    for problem in problems:
        click.echo(problem, err=True)
    for outcome in failed:
        click.echo(f"{outcome.story.file}: {outcome.story.name}: failed (- expected, + came)")
        for line in differences(outcome):
            click.echo(line)
        click.echo()


# As JSON


def _document(outcomes: Sequence[Outcome], problems: Sequence[str]) -> dict[str, Any]:
    passed = sum(outcome.passed for outcome in outcomes)
    return {
        "passed": passed,
        "failed": len(outcomes) - passed,
        "problems": problems,
        "stories": [_story(outcome) for outcome in outcomes],
    }


def _story(outcome: Outcome) -> dict[str, Any]:
    """missing: expected, but did not come. unexpected: came, but was not expected."""
    document: dict[str, Any] = {"file": str(outcome.story.file), "name": outcome.story.name, "passed": outcome.passed}
    for name, sign in (("missing", "-"), ("unexpected", "+")):
        document[name] = [
            {"segment": segment, **_change(change, outcome)}
            for segment, rows in outcome.changes.items()
            for this, change in rows
            if this == sign
        ] + [
            {"segment": segment, "what": "member", "userId": id}
            for segment, rows in outcome.members.items()
            for this, id in rows
            if this == sign
        ]
    return document


def _change(change: Change, outcome: Outcome) -> dict[str, Any]:
    document = {"what": change.what, **_entry(change.entry, outcome)}
    return document if change.to is None else document | {"to": _entry(change.to, outcome)}


def _entry(entry: Entry, outcome: Outcome) -> dict[str, Any]:
    field = "anonymousId" if entry.anonymous else "userId"
    document = {field: entry.user, "at": to_text(entry.at), "offset": offset_text(entry.at - outcome.story.start)}
    return document if entry.cause is None else document | {"cause": entry.cause}
