"""`segd completion`: so that a shell completes commands and options."""

import click
from click.shell_completion import get_completion_class

# A zsh without any configuration knows no completion at all.
_BEGIN_ZSH = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete segd's commands and options.

    \b
    Examples:
      echo 'eval "$(segd completion bash)"' >> ~/.bashrc
      echo 'eval "$(segd completion zsh)"' >> ~/.zshrc
      segd completion fish > ~/.config/fish/completions/segd.fish
    """
    made_by = get_completion_class(shell)
    assert made_by is not None
    script = made_by(ctx.find_root().command, {}, "segd", "_SEGD_COMPLETE").source()
    if shell == "zsh":
        script = script.replace("#compdef segd\n", f"#compdef segd\n{_BEGIN_ZSH}\n", 1)
    click.echo(script)
