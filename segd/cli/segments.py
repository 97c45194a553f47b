"""`segd segments`: what there is, and a folder of definitions made true. Beside a running daemon, or without one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

import click
import msgspec

from segd.actors import clock
from segd.cli.client import AwayError, Daemon, RefusedError, daemon_options, reachable
from segd.cli.definitions import read_files
from segd.cli.parameters import FOLDER, as_json
from segd.cli.plain import plain
from segd.cli.segment_plan import Plan, Step, make_plan
from segd.cli.settings import load, settings_options
from segd.cli.store import with_store
from segd.config import Config
from segd.core.errors import DefinitionError, SegdError
from segd.core.language.definitions import Definition, Live
from segd.core.language.phrases import plural
from segd.core.language.reading import read_definition, write_definition
from segd.core.language.words import in_words
from segd.core.time.calendar import zone as zone_named
from segd.core.time.instants import parse_timestamp
from segd.store.beside import find_daemon, open_lone_journal
from segd.store.bridge import Pool
from segd.store.errors import StoreError
from segd.store.segment_changes import SegmentChanges
from segd.store.segment_list import SegmentList
from segd.store.segment_rows import Segment, Stored, Unreadable, read_segments
from segd.web.api import telling

PAGE = 500
MOST = 100_000


@click.group()
def segments() -> None:
    """Segments as code: what there is, and a folder of definitions made true."""


# What there is


@segments.command("list")
@as_json
@daemon_options
@settings_options
def list_all(
    as_json: bool, url: SplitResult | None, token: str | None, config: Path | None, state_dir: Path | None
) -> None:
    """What segments there are, by name, each with its number and what it says.

    With --json they are those of the API's `GET /api/segments`.

    \b
    Examples:
      segd segments list
      segd segments list --json | jq -r '.segments[] | select(.status == "broken") | .name'
    """
    found = _of_store(load(config, state_dir)) if url is None else _of_daemon(url, token)
    if as_json:
        click.echo(msgspec.json.encode({"segments": found}))
        return
    for segment in found:
        number = segment["number"]
        value = "not known yet" if number["value"] is None else f"{number['value']:,}"
        status = "" if segment["status"] == "running" else f", {segment['status']}"
        click.echo(f"{segment['id']}  {plain(segment['name'])}: {value} {number['label']}{status}")
        click.echo(f"   {plain(segment['words'])}")
        if segment["reason"]:
            click.echo(f"   {plain(segment['reason'])}")


def _of_store(settings: Config) -> list[dict[str, Any]]:
    async def read(pool: Pool) -> list[dict[str, Any]]:
        views, _ = await SegmentList(pool, zone_named(settings.zone), clock.now).page("", "name", 0, MOST)
        return [msgspec.json.decode(msgspec.json.encode(telling.segment(view))) for view in views]

    return with_store(settings, read)


def _of_daemon(url: SplitResult, token: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    try:
        with Daemon(url, token) as daemon:
            while True:
                page = daemon.ask("GET", f"api/segments?perPage={PAGE}&page={len(found) // PAGE + 1}")
                found += page["segments"]
                if len(page["segments"]) < PAGE:
                    return found
    except (RefusedError, AwayError) as error:
        raise click.ClickException(error.message) from None


# A folder made true


def _is_wanted() -> bool:
    try:
        return click.confirm("Do it?")
    except click.Abort:  # Ctrl-C, or nobody is there
        raise click.ClickException("nobody said yes, so nothing was done; --yes does it without asking") from None


@segments.command("apply")
@click.argument("folder", type=FOLDER)
@click.option("--prune", is_flag=True, help="Delete the segments that the folder does not have.")
@click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
@as_json
@daemon_options
@settings_options
def apply(
    folder: Path,
    prune: bool,
    yes: bool,
    as_json: bool,
    url: SplitResult | None,
    token: str | None,
    config: Path | None,
    state_dir: Path | None,
) -> None:
    """Make the segments those of FOLDER, whose *.json files hold one definition each.

    Shows what that changes, and what becomes of open windows, and asks before it does so. A segment is known by its
    name: one that is called otherwise is another. What is not in the folder stays, but with --prune. A segment that
    somebody else changes in the meantime is left alone, and that is an error. Without a daemon it is all done or
    nothing; and what follows happens once there is one. With --json and without --yes, the plan is
    written and nothing done.

    \b
    Examples:
      segd segments apply segments
      segd segments apply segments --prune --yes
    """
    settings = load(config, state_dir)
    wanted = _read_folder(folder)
    where, existing = (url, _existing(_of_daemon(url, token))) if url else _look(settings)
    plan = make_plan(wanted, existing, prune=prune)
    if plan.wrong:
        raise click.ClickException("\n".join(plan.wrong))
    if not as_json:
        _show(plan)
    do = bool(plan.steps) and (yes or (not as_json and _is_wanted()))
    if do:
        try:
            if where is None:
                _do_alone(settings, plan.steps)
            else:
                _do_by_daemon(where, token, plan.steps)
        except SegdError as error:
            raise click.ClickException(error.message) from None
    if as_json:
        click.echo(msgspec.json.encode(_as_data(plan, applied=do)))
    elif do:
        click.echo("done")


def _read_folder(folder: Path) -> dict[Path, Definition]:
    """Raises click.ClickException naming every problem of every file."""
    if not folder.is_dir():
        raise click.ClickException(f"{folder}: expected a folder")
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise click.ClickException(f"{folder}: expected files of definitions, *.json, found none")
    return dict(zip(paths, read_files(paths), strict=True))


def _look(settings: Config) -> tuple[SplitResult | None, Stored]:
    """Where the daemon is, if one runs, and what segments there are."""

    async def look(pool: Pool) -> tuple[str | None, Stored]:
        async with pool.acquire() as connection:
            return await find_daemon(connection), await read_segments(connection)

    found, existing = with_store(settings, look)
    return (None if found is None else reachable(found)), existing


def _existing(told: Sequence[dict[str, Any]]) -> Stored:
    stored = Stored([], [])
    for one in told:
        number, name, version = one["id"], one["name"], one["version"]
        status = "paused" if one["status"] == "paused" else "running"
        created_at, changed_at = parse_timestamp(one["createdAt"]), parse_timestamp(one["changedAt"])
        try:
            definition = read_definition(one["definition"], name=name)
        except DefinitionError as error:
            document = msgspec.json.encode(one["definition"]).decode()
            stored.unreadable.append(
                Unreadable(number, name, document, version, status, created_at, changed_at, error.message)
            )
        else:
            stored.readable.append(Segment(number, definition, version, status, created_at, changed_at))
    return stored


# The plan, shown


def _show(plan: Plan) -> None:
    for step in plan.steps:
        match step.what:
            case "create":
                click.secho(f"create  {plain(step.name)}", fg="green")
                click.echo(f"    + {plain(_words(step))}")
            case "change":
                click.secho(f"change  {plain(step.name)}", fg="yellow")
                if _old_words(step) != _words(step):
                    click.echo(f"    - {plain(_old_words(step))}")
                click.echo(f"    + {plain(_words(step))}")
                click.echo(f"      {_consequence(step)}")
            case "delete":
                click.secho(f"delete  {plain(step.name)}", fg="red")
                click.echo(f"    - {plain(_old_words(step))}")
    counts = [(sum(step.what == what for step in plan.steps), f"to {what}") for what in ("create", "change", "delete")]
    told = [f"{count:,} {what}" for count, what in counts if count]
    click.echo(", ".join([*told, f"{plural(len(plan.unchanged), 'segment')} unchanged"]))


def _consequence(step: Step) -> str:
    match step.windows:
        case "same":
            return "it means the same: no new version"
        case "kept":
            return "a new version; open windows stay" if isinstance(step.new, Live) else "a new version"
        case "dropped":
            return "a new version; open windows are dropped, and it begins as a new segment would"


def _as_data(plan: Plan, *, applied: bool) -> dict[str, object]:
    def of(what: str) -> list[dict[str, object]]:
        steps = [step for step in plan.steps if step.what == what]
        return [{"name": step.name, "words": _words(step)} for step in steps]

    changed = [
        {"name": step.name, "was": _old_words(step), "words": _words(step), "windows": step.windows}
        for step in plan.steps
        if step.what == "change"
    ]
    return {
        "created": of("create"),
        "changed": changed,
        "deleted": of("delete"),
        "unchanged": plan.unchanged,
        "applied": applied,
    }


def _old_words(step: Step) -> str:
    assert step.old is not None
    return in_words(step.old.definition) if isinstance(step.old, Segment) else f"broken: {step.old.problem}"


def _words(step: Step) -> str:
    return _old_words(step) if step.new is None else in_words(step.new)


# The plan, done


def _do_alone(settings: Config, steps: Sequence[Step]) -> None:
    """All or nothing. Raises click.ClickException."""

    async def do(pool: Pool) -> None:
        async with open_lone_journal(pool) as journal:
            dropped = {step.old.number: step.name for step in steps if step.old and step.windows == "dropped"}
            if overdue := await journal.overdue(dropped, clock.now()):
                names = ", ".join(repr(dropped[number]) for number in overdue)
                raise StoreError(
                    "overdue",
                    f"windows of {names} came due while no daemon ran: let one run, `segd serve`, and then apply",
                )
            changes = SegmentChanges(journal, clock.now)
            for step in steps:
                if step.old is None:
                    assert step.new is not None
                    await changes.create(step.new)
                elif step.new is None:
                    await changes.delete(step.old.number, {step.seen})
                else:
                    await changes.change(step.old.number, step.new, {step.seen})

    with_store(settings, do)


def _do_by_daemon(url: SplitResult, token: str | None, steps: Sequence[Step]) -> None:
    """Raises SegdError, which says what was done before."""
    done: list[str] = []
    with Daemon(url, token) as daemon:
        for step in steps:
            try:
                if step.old is None:
                    assert step.new is not None
                    daemon.ask("POST", "api/segments", document={"definition": write_definition(step.new)})
                elif step.new is None:
                    daemon.ask("DELETE", f"api/segments/{step.old.number}", seen=step.seen)
                else:
                    document = {"definition": write_definition(step.new)}
                    daemon.ask("PUT", f"api/segments/{step.old.number}", document=document, seen=step.seen)
            except SegdError as error:
                before = f"; done before that: {', '.join(done)}" if done else ""
                raise RefusedError(error.code, f"{step.what} {step.name}: {error.message}{before}") from None
            done.append(f"{step.what} {step.name}")
