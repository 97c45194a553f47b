"""The command line. Each group of commands has a module under `cli`."""

import click

from segd.cli.backtest import backtest
from segd.cli.demo import demo


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="segd")
def main() -> None:
    """Keeps user segments true while the users act."""


main.add_command(backtest)
main.add_command(demo)

if __name__ == "__main__":
    main()
