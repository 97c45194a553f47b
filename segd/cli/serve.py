"""`segd serve`: the daemon."""

import sys
from functools import partial
from pathlib import Path

import click
import msgspec

from segd import daemon
from segd.cli.parameters import as_address
from segd.cli.settings import load, settings_options
from segd.cli.store import with_store
from segd.config import Address

CONNECTIONS = 10  # for whoever asks; the journal and the actors have their own


@click.command()
@click.option("--listen", callback=as_address, metavar="HOST:PORT", help="Where to speak HTTP; port 0: any free one.")
@settings_options
def serve(listen: Address | None, config: Path | None, state_dir: Path | None) -> None:
    """Take events over HTTP, as Segment's SDKs send them, until SIGTERM or Ctrl-C.

    An event that was answered with 200 is in the database. Once events are taken, a line on standard output begins with
    READY. Where there is an API token, the address of the dashboard that follows signs a browser in, once.

    \b
    Example:
      segd serve --listen 127.0.0.1:7337
    """
    settings = load(config, state_dir)
    if listen is not None:
        settings = msgspec.structs.replace(settings, listen=listen)
    with_store(settings, partial(daemon.serve, config=settings, ready=_ready, tell=_tell), CONNECTIONS)


def _ready(address: Address, write_keys: frozenset[str], dashboard: str) -> None:
    url = f"http://{address}"
    key, *_ = keys = sorted(write_keys)
    event = '{"userId": "ann", "event": "Added To Cart", "properties": {"price": 12}}'
    click.echo(f"READY {url} write key {' '.join(keys)}")
    click.echo(f"Dashboard:  {url}{dashboard}")
    click.echo(f"Try:  curl -u {key}: {url}/v1/track -d '{event}'")
    sys.stdout.flush()


def _tell(sentence: str) -> None:
    click.echo(f"segd: {sentence}", err=True)
