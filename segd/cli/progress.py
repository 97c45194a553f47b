"""Progress on the terminal for what takes longer than a moment; nothing where nobody watches."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

QUIET = 1.0  # seconds before a bar appears, so that quick work leaves none


@contextmanager
def reading(what: str, size: int) -> Generator[Callable[[int], None], None, None]:
    """Shows how much of `size` bytes is read; the function it gives is told the bytes so far, as often as one likes."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
        console=console, transient=True, refresh_per_second=5,
    )  # fmt: skip
    task = bar.add_task(what, total=size)
    began = time.monotonic()
    shown = False

    def tell(read: int) -> None:
        nonlocal shown
        if not shown and console.is_terminal and time.monotonic() - began > QUIET:
            shown = True
            bar.start()
        bar.update(task, completed=read)

    try:
        yield tell
    finally:
        if shown:
            bar.stop()
