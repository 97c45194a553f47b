"""The command line. Each group of commands has a module under `cli`."""

from importlib import import_module

import click

# Where each is: its module is imported when it is asked for, since those of some take half a second.
COMMANDS = {
    "backtest": ("backtest", "backtest"),
    "check": ("check", "check"),
    "check-config": ("maintenance", "check_config"),
    "completion": ("completion", "completion"),
    "demo": ("demo", "demo"),
    "import": ("history", "import_history"),
    "keys": ("keys", "keys"),
    "migrate": ("maintenance", "migrate"),
    "query": ("history", "query"),
    "schema": ("check", "schema"),
    "segments": ("segments", "segments"),
    "serve": ("serve", "serve"),
    "test": ("test", "test"),
    "watch": ("watch", "watch"),
    "why": ("why", "why"),
}


class Commands(click.Group):
    """A group of COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name]
        return getattr(import_module(f"segd.cli.{module}"), function)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="segd")
def main() -> None:
    """Keeps user segments true while the users act."""


if __name__ == "__main__":
    main()
