"""`segd watch`: who qualifies, in the terminal, as it happens."""

import json
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol
from urllib.parse import SplitResult, quote

import click
import trio
from rich.console import Console
from rich.live import Live
from rich.text import Text

from segd.cli.client import daemon_options, reachable
from segd.cli.frames import Frame, LostError, read_frames
from segd.cli.plain import plain
from segd.cli.settings import load, settings_options
from segd.cli.store import with_store
from segd.config import Config
from segd.core.errors import SegdError
from segd.store.beside import find_daemon
from segd.store.bridge import Pool

GONE: Final = 4004  # what a websocket is closed with when the segment was deleted
PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0)  # between attempts to connect; the last again and again
BEGINNING: Final = "0"  # the cursor before the first entry
PROPERTIES: Final = 2  # of an event, that tell it from others

SIGNS: Final = {"qualified": ("+", "green"), "retracted": ("−", "red"), "corrected": ("~", "yellow")}


@click.command()
@click.argument("segment")
@click.option("--after", metavar="CURSOR", help="Every entry of the log after that one; 0 is the beginning.")
@click.option("--json", "as_json", is_flag=True, help="Every entry of the log from now on, each a line of JSON.")
@daemon_options
@settings_options
def watch(
    segment: str, url: SplitResult | None, token: str | None, after: str | None, as_json: bool,
    config: Path | None, state_dir: Path | None,
) -> None:  # fmt: skip
    """Show who qualifies for a segment, named or by its number, as it happens.

    Where many do, a sample is shown, and how many are left out; with --after or --json it is everybody. When the daemon
    goes away, this waits until it is back, and goes on where it was.

    \b
    Examples:
      segd watch "Cart left for 10 minutes"
      segd watch 3 --json --after 0 > log.ndjson
    """
    path = f"/api/segments/{quote(segment, safe='')}/live"
    with _Lines() if as_json else _Screen() as shown:
        watching = _Watch(shown, after, whole=as_json)
        try:
            if url is not None:
                trio.run(watching.run, url, path, token)
            else:
                _watch_configured(watching, load(config, state_dir), path, token)
        except SegdError as error:
            raise click.ClickException(error.message) from None
        except KeyboardInterrupt:
            pass


def _watch_configured(watching: "_Watch", settings: Config, path: str, token: str | None) -> None:
    """Where segd is to listen; and where it does, if nobody answers there. Raises SegdError."""
    try:
        trio.run(watching.run, reachable(f"http://{settings.listen}"), path, token)
    except LostError:
        where = with_store(settings, _find_daemon)
        if where is None:
            raise
        trio.run(watching.run, reachable(where), path, token)


async def _find_daemon(pool: Pool) -> str | None:
    async with pool.acquire() as connection:
        return await find_daemon(connection)


class _Shown(Protocol):
    """Where it is shown."""

    def segment(self, segment: dict[str, Any]) -> None: ...

    def entry(self, entry: dict[str, Any]) -> None: ...

    def left_out(self, count: int) -> None: ...

    def rate(self, qualifying: int, all: int) -> None: ...


class _Known(Exception):
    """Enough is known to read the log."""


class _Watch:
    """Follows a segment through all connections. after: the last entry seen of the log; None to follow the feed. whole:
    follow the log in any case, from now on."""

    def __init__(self, shown: _Shown, after: str | None, *, whole: bool) -> None:
        self._shown = shown
        self._after = after
        self._whole = whole
        self._newest = -1  # cursor of the newest entry seen of the feed
        self._attempts = 0  # since there was a connection
        self._greeted = False

    async def run(self, url: SplitResult, path: str, token: str | None) -> None:
        """Until the segment is deleted. Raises RefusedError, and LostError where there never was a connection."""
        while True:
            query = "" if self._after is None else f"?after={quote(self._after, safe='')}"
            try:
                code, reason = await read_frames(url, path + query, token, self._opened, self._take)
                if code == GONE:
                    return _tell(reason)
            except _Known:
                continue
            except LostError as error:
                if not self._greeted:
                    raise
                reason = error.message
            if self._attempts == 0:
                _tell(f"{reason or 'the connection was lost'}; waiting until it is back")
            await trio.sleep(PAUSES_SECONDS[min(self._attempts, len(PAUSES_SECONDS) - 1)])
            self._attempts += 1

    def _opened(self) -> None:
        if self._attempts:
            _tell("connected again")
        self._attempts = 0
        self._greeted = True

    def _take(self, frame: Frame) -> None:
        match frame:
            case {"type": "hello", "last": last} if self._whole:
                self._after = last[0]["cursor"] if last else BEGINNING
                raise _Known
            case {"type": "hello", "segment": segment, "last": last}:
                if self._newest < 0:
                    self._shown.segment(segment)
                self._entries(last[::-1])
            case {"type": "log", "entries": entries, "cursor": cursor}:
                self._entries(entries)
                self._after = cursor
            case {"type": "rate", "qualifying": qualifying, "all": all}:
                self._shown.rate(qualifying, all)
            case {"entries": entries}:
                self._entries(entries)
                if left_out := frame.get("left_out"):
                    self._shown.left_out(left_out)
            case _:
                pass  # of a newer segd

    def _entries(self, entries: list[dict[str, Any]]) -> None:
        """Show those that are new: after a new connection the feed begins with what was before."""
        for entry in entries:
            if int(entry["cursor"]) > self._newest:
                self._shown.entry(entry)
        self._newest = max([self._newest, 0, *(int(entry["cursor"]) for entry in entries)])


class _Lines:
    """Lines of JSON, for programs."""

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def segment(self, segment: dict[str, Any]) -> None:
        pass

    def entry(self, entry: dict[str, Any]) -> None:
        click.echo(json.dumps(entry, ensure_ascii=False, separators=(",", ":")))

    def left_out(self, count: int) -> None:
        pass

    def rate(self, qualifying: int, all: int) -> None:
        pass


class _Screen:
    """Lines for people, and below them, on a terminal, the rates of the last second."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._console.soft_wrap = not self._console.is_terminal
        self._rates = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> "_Screen":
        if self._console.is_terminal:
            self._rates.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rates.stop()

    def segment(self, segment: dict[str, Any]) -> None:
        self._console.print(Text(plain(segment["name"]), style="bold"))
        self._console.print(Text(plain(segment["words"]), style="dim"))

    def entry(self, entry: dict[str, Any]) -> None:
        sign, style = SIGNS[entry["type"]]
        line = Text.assemble(
            (sign, style), "  ", (_local(entry["at"]), "dim"), "  ", (plain(entry["userId"]), "bold"),
        )  # fmt: skip
        line.append(f"  because of {_cause(entry)}", "dim")
        if was := entry.get("was"):
            line.append(f", not {plain(was['cause'])} at {_local(was['at'])}", "dim")
        elif entry["type"] == "retracted":
            line.append(", which an event that came late undid", "dim")
        if traits := entry.get("traits"):
            line.append("  ").append(" · ".join(f"{plain(name)} {plain(value)}" for name, value in traits.items()))
        # On a terminal an entry is one line, of whose end as much is shown as fits.
        self._console.print(line, no_wrap=True, overflow="ellipsis" if self._console.is_terminal else "ignore")

    def left_out(self, count: int) -> None:
        self._console.print(Text(f"   and {count:,} more", style="dim"))

    def rate(self, qualifying: int, all: int) -> None:
        if self._rates.is_started:
            self._rates.update(Text(f"{qualifying:,} qualified, {all:,} events a second", style="cyan"), refresh=True)


def _cause(entry: dict[str, Any]) -> str:
    """What the user did; the id of that message, where it is not told."""
    event = entry.get("event")
    if event is None:
        return plain(entry["cause"])
    properties = [f"{plain(name)} {plain(value)}" for name, value in event["properties"].items()]
    return ", ".join([plain(event["name"]), *properties[:PROPERTIES]])


def _local(instant: str) -> str:
    """In the zone of this machine; with the day, where that is not today."""
    at = datetime.fromisoformat(instant).astimezone()
    return f"{at:%H:%M:%S}" if at.date() == datetime.now().astimezone().date() else f"{at:%Y-%m-%d %H:%M:%S}"


def _tell(sentence: str) -> None:
    click.echo(f"segd: {sentence}", err=True)
