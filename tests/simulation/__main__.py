"""Run seeds: `python -m tests.simulation --seeds 1000`, or `--seed 7` for one that failed."""

import sys
import time
import traceback
from dataclasses import fields
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parent.parent))  # for the oracle

from .world import Outcome, run


@click.command()
@click.option("--seeds", default=100, help="How many.")
@click.option("--first", default=0, help="The first of them.")
@click.option("--seed", type=int, help="This one alone, with all that it raises.")
@click.option("--most", default=10, help="End after so many failures.")
def main(seeds: int, first: int, seed: int | None, most: int) -> None:
    if seed is not None:
        click.echo(shown(run(seed)))
        return
    total, failed, began = Outcome(), list[int](), time.monotonic()
    judged = 0
    with click.progressbar(range(first, first + seeds), show_pos=True, item_show_func=_shown, file=sys.stderr) as bar:
        for one in bar:
            try:
                outcome = run(one)
            except Exception as error:
                failed.append(one)
                click.echo(f"\nseed {one}: {reason(error)}")
                if len(failed) == most:
                    break
            else:
                judged += outcome.judged
                add(total, outcome)
    seconds = time.monotonic() - began
    click.echo(f"{shown(total)}, {judged} judged by the oracle, {seconds:.0f} seconds, failed: {failed or 'none'}")
    sys.exit(bool(failed))


def add(total: Outcome, one: Outcome) -> None:
    for field in fields(one):
        value = getattr(one, field.name)
        if isinstance(value, dict):
            kinds: dict[str, int] = getattr(total, field.name)
            for kind, count in value.items():
                kinds[kind] = kinds.get(kind, 0) + count
        elif isinstance(value, int):
            setattr(total, field.name, getattr(total, field.name) + value)


def shown(outcome: Outcome) -> str:
    numbers = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
    return ", ".join(
        f"{name} {number}" for name, number in numbers.items() if name not in ("judged", "trace", "tables")
    )


def reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}: {error}"


def _shown(seed: int | None) -> str:
    return "" if seed is None else f"seed {seed}"


if __name__ == "__main__":
    main()
