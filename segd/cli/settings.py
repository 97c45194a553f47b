"""`--config` and `--state-dir`, which nearly every command takes, and the configuration they lead to."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from segd.cli.parameters import FILE, FOLDER
from segd.config import Config, ConfigError, load_config

F = TypeVar("F", bound=Callable[..., object])


def settings_options(command: F) -> F:
    """The two options, given to the command as `config` and `state_dir`."""
    config = click.option("--config", type=FILE, metavar="FILE", help="The configuration, in TOML.")
    state_dir = click.option(
        "--state-dir", type=FOLDER, metavar="DIR",
        help="Where segd keeps its own files, the embedded database among them.",
    )  # fmt: skip
    return config(state_dir(command))


def load(config: Path | None, state_dir: Path | None) -> Config:
    """The configuration. Raises click.UsageError naming all that is wrong."""
    try:
        return load_config(config, state_dir)
    except ConfigError as error:
        raise click.UsageError("\n".join(map(str, error.problems))) from None
