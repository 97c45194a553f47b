"""`segd completion`: so that a shell completes commands and options."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete segd's commands and options.

    \b
    Examples:
      segd completion bash > ~/.local/share/bash-completion/completions/segd
      echo 'eval "$(segd completion zsh)"' >> ~/.zshrc
      segd completion fish > ~/.config/fish/completions/segd.fish
    """
    made_by = get_completion_class(shell)
    assert made_by is not None
    click.echo(made_by(ctx.find_root().command, {}, "segd", "_SEGD_COMPLETE").source())
