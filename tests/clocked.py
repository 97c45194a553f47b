"""`segd serve` on a clock that a test sets: the instant in a file of eight bytes, which it may map and move."""

import mmap
import struct
import sys
from functools import partial
from pathlib import Path

import click

from segd import daemon
from segd.cli.store import with_store
from segd.config import load_config
from segd.core.time.instants import Instant


def main(config: str, clock: str) -> None:
    with Path(clock).open("rb") as file, mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ) as instant:

        def now() -> Instant:
            return struct.unpack("<q", instant[:8])[0]

        def ready(address: object, write_keys: frozenset[str], dashboard: str) -> None:
            print(f"READY http://{address} write key {min(write_keys)}", flush=True)

        serve = partial(daemon.serve, ready=ready, tell=partial(click.echo, err=True), now=now)
        settings = load_config(Path(config))
        with_store(settings, partial(serve, config=settings), connections=8)


if __name__ == "__main__":
    main(*sys.argv[1:])
