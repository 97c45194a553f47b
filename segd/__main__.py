"""The command line. Each group of commands has a module under `cli`."""

from importlib import import_module

import click
from click.shell_completion import CompletionItem

# Where each is, and its line in the list. Modules are imported when they are asked for: those of some take a second.
COMMANDS = {
    "backtest": ("backtest", "backtest", "Who would have qualified, over files of events."),
    "check": ("check", "check", "What definitions mean, or all that is wrong with them."),
    "check-config": ("maintenance", "check_config", "The configuration that is in force, or what is wrong with it."),
    "completion": ("completion", "completion", "What makes a shell complete segd's commands and options."),
    "demo": ("demo", "demo", "The daemon, while users of a real shop come and go."),
    "import": ("history", "import_history", "Bring history in: Segment messages, or CSV."),
    "keys": ("keys", "keys", "API tokens for programs, and write keys."),
    "migrate": ("maintenance", "migrate", "Bring the tables of the database up to this segd."),
    "query": ("history", "query", "Who is in a past-behaviour segment."),
    "schema": ("check", "schema", "The JSON Schema of the definition language."),
    "segments": ("segments", "segments", "Segments as code: list them, make a folder of them true."),
    "serve": ("serve", "serve", "The daemon: takes events, keeps segments true."),
    "test": ("test", "test", "Test segments against stories."),
    "watch": ("watch", "watch", "Who qualifies, as it happens."),
    "why": ("why", "why", "Why a user is in a segment, or what is missing."),
}


class Commands(click.Group):
    """A group of COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[cmd_name]
        return getattr(import_module(f"segd.cli.{module}"), function)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(name, help=line) for name, (_, _, line) in COMMANDS.items()]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(item for item in found if item.value.startswith(incomplete)), *options]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="segd")
def main() -> None:
    """Keeps user segments true while the users act."""


if __name__ == "__main__":
    main()
