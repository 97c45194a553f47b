"""Run seeds: `python -m tests.simulation --seeds 1000`, or `--seed 7` for one that failed."""

import sys
import time
import traceback
from collections import Counter
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parent.parent))  # for the oracle

from .world import run


@click.command()
@click.option("--seeds", default=100, help="How many.")
@click.option("--first", default=0, help="The first of them.")
@click.option("--seed", type=int, help="This one alone, with all that it raises.")
@click.option("--most", default=10, help="End after so many failures.")
def main(seeds: int, first: int, seed: int | None, most: int) -> None:
    if seed is not None:
        for what, count in sorted(run(seed).counts.items()):
            click.echo(f"{what:24}{count:10,}")
        return
    total, having, failed, began = Counter[str](), Counter[str](), list[int](), time.monotonic()
    with click.progressbar(range(first, first + seeds), show_pos=True, item_show_func=_shown, file=sys.stderr) as bar:
        for one in bar:
            try:
                counts = run(one).counts
            except Exception as error:
                failed.append(one)
                click.echo(f"\nseed {one}: {reason(error)}")
                if len(failed) == most:
                    break
            else:
                total += counts
                having.update((+counts).keys())
    for what, count in sorted(total.items()):
        click.echo(f"{what:24}{count:10,} in {having[what]:,} seeds")
    click.echo(f"{time.monotonic() - began:.0f} seconds, failed: {failed or 'none'}")
    sys.exit(bool(failed))


def reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}: {error}"


def _shown(seed: int | None) -> str:
    return "" if seed is None else f"seed {seed}"


if __name__ == "__main__":
    main()
