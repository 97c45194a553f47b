"""The command line. Each group of commands has a module under `cli`."""

import click

from segd.cli.backtest import backtest
from segd.cli.check import check, schema
from segd.cli.completion import completion
from segd.cli.demo import demo
from segd.cli.history import import_history, query
from segd.cli.keys import keys
from segd.cli.maintenance import check_config, migrate
from segd.cli.segments import segments
from segd.cli.serve import serve
from segd.cli.test import test
from segd.cli.watch import watch
from segd.cli.why import why


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="segd")
def main() -> None:
    """Keeps user segments true while the users act."""


for command in (
    demo, serve, watch, why, check, backtest, test, import_history, query, segments, schema, keys, migrate,
    check_config, completion,
):  # fmt: skip
    main.add_command(command)

if __name__ == "__main__":
    main()
