"""`segd demo`: the daemon, with a shop that is open."""

import shutil
import sys
from functools import partial
from pathlib import Path
from shlex import quote

import click
from msgspec.structs import replace

from segd import daemon
from segd.assembly import Parts
from segd.cli.parameters import FOLDER, as_address
from segd.cli.serve import CONNECTIONS
from segd.cli.settings import load, settings_options
from segd.cli.store import with_store
from segd.config import Address, Engage
from segd.demo import Demo
from segd.sample import CREDIT, SEGMENTS, lines

USUAL = Address("127.0.0.1", 7337)  # where other commands look for a daemon by themselves
LEFT = "Cart left for 30 seconds"
TOOLS = tuple(  # a page of the shop plays them
    Engage(tool, f"/shop/campaign?tool={tool.replace(' ', '+')}&segment={{name}}&id={{id}}")
    for tool in ("E-mail campaign", "Push campaign")
)
CART = '{"userId": "ann", "event": "Added To Cart"}'


@click.command()
@click.option("--listen", callback=as_address, metavar="HOST:PORT", help="Where to speak HTTP; port 0: any free one.")
@click.option(
    "--write", "folder", type=FOLDER, metavar="DIR",
    help="Write the events and the definitions there, to try other commands on, and do nothing else.",
)  # fmt: skip
@settings_options
def demo(listen: Address | None, folder: Path | None, config: Path | None, state_dir: Path | None) -> None:
    """The daemon, while real users of a shop come and go, until Ctrl-C.

    The database is an embedded one, in the folder `demo` of the state directory, and no other is touched. It stays from
    one start to the next; delete the folder to begin anew.

    \b
    Examples:
      segd demo
      segd demo --write shop
    """
    if folder is not None:
        _write(folder)
        return
    settings = load(config, state_dir)
    settings = replace(settings, dsn=None, state_dir=settings.state_dir / "demo", listen=listen or settings.listen)
    settings = replace(settings, engage=settings.engage or TOOLS)
    shop = partial(_open_shop, folder=settings.state_dir)
    with_store(settings, partial(daemon.serve, config=settings, ready=_ready, tell=_tell, demo=shop), CONNECTIONS)


async def _open_shop(parts: Parts, address: Address, dashboard: str, folder: Path) -> None:
    """Trio"""
    shop = Demo(parts, folder, _tell)
    await shop.prepare()
    _show(f"http://{address}", dashboard, parts.write_key, folder)
    await shop.go_on()


def _show(url: str, dashboard: str, key: str, folder: Path) -> None:
    segd, where = _segd(), "" if url == f"http://{USUAL}" else f" --url {url}"
    state = quote(click.format_filename(folder.absolute()))
    for line in (
        "",
        f"  Dashboard   {click.style(url + dashboard, bold=True)}",
        f"  A shop      {click.style(f'{url}/shop', bold=True)}   what you do there counts, too",
        "",
        "Users of a real shop are coming in, as they did on a morning in 2019. In another terminal:",
        "",
        "  # Watch who leaves a cart.",
        f'  {segd} watch "{LEFT}"{where}',
        "",
        "  # Put something into the cart of ann, and buy nothing: 30 seconds later ann is among them.",
        f"  curl -u {key}: {url}/v1/track -d '{CART}'",
        "",
        "  # Ask why.",
        f'  {segd} why ann "{LEFT}" --state-dir {state}',
        "",
        f"Ctrl-C ends it; what is there stays in {click.format_filename(folder)}.",
        "The events are by REES46 (https://rees46.com), free to use with credit; who the users are is invented.",
    ):
        click.echo(line)
    sys.stdout.flush()


def _segd() -> str:
    """The command that was used, as it can be used again from the same folder."""
    used, found = Path(sys.argv[0]), shutil.which("segd")
    if used.name != "segd" or (found is not None and used.samefile(found)):
        return "segd"
    return quote(str(used))


def _ready(address: Address, write_keys: frozenset[str], dashboard: str) -> None:
    pass


def _tell(sentence: str) -> None:
    click.echo(f"segd: {sentence}", err=True)


# Files


def _commands(folder: str) -> tuple[str, str]:
    return (
        f"segd backtest {folder}/cart-left.json --events {folder}/events.ndjson",
        f"segd backtest {folder}/cart-left.json {folder}/back-after-cart.json --events {folder}/events.ndjson",
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
            file.writelines(line + b"\n" for line in lines())
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror}") from None
    click.echo(f"Wrote {len(SEGMENTS)} definitions and the events of a shop. Now try:\n")
    for line in _commands(quote(click.format_filename(folder))):
        click.echo(f"  {line}")
