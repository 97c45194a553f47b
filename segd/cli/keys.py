"""`segd keys`: API tokens made and revoked, and the write keys shown. Beside a running daemon or without one."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from segd.actors import clock
from segd.cli.plain import plain
from segd.cli.settings import load, settings_options
from segd.cli.store import with_store
from segd.core.keys import Scope, Token
from segd.core.time.instants import to_text
from segd.store.bridge import Pool
from segd.store.tokens import Tokens
from segd.store.write_keys import kept_write_key

T = TypeVar("T")

as_json = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


@click.group()
def keys() -> None:
    """API tokens, for programs that ask; and write keys, for apps and sites that send events.

    While there is no token, everything may be asked from this machine, and segd listens nowhere else.
    """


@keys.command("list")
@as_json
@settings_options
def list_keys(as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """The write keys, and the tokens without their secrets.

    \b
    Example:
      segd keys list
    """
    settings = load(config, state_dir)

    async def read(pool: Pool) -> tuple[list[str], list[Token]]:
        write_keys = settings.write_keys or {await kept_write_key(pool)}
        return sorted(write_keys), await Tokens(pool, clock.now).all()

    write_keys, tokens = with_store(settings, read)
    if as_json:
        told = {"writeKeys": write_keys, "tokens": [_as_data(token) for token in tokens]}
        click.echo(msgspec.json.encode(told))
        return
    for key in write_keys:
        click.echo(f"write key  {key}")
    for token in tokens:
        used = "never used" if token.last_used_at is None else f"last used {to_text(token.last_used_at)}"
        click.echo(
            f"token {token.number}  {token.scope:<6}  {plain(token.name)}  made {to_text(token.created_at)}, {used}"
        )


@keys.command("create")
@click.argument("name")
@click.option("--scope", type=click.Choice(["read", "manage"]), default="read", show_default=True,
              help="What it may do; manage may also change and delete.")  # fmt: skip
@as_json
@settings_options
def create_key(name: str, scope: Scope, as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """Make a token; NAME says what it is for. Its secret is shown this once.

    \b
    Example:
      segd keys create warehouse --scope read
    """
    if not 1 <= len(name) <= 200:
        raise click.BadParameter("expected 1 to 200 characters", param_hint="NAME")
    token, secret = _with_tokens(config, state_dir, lambda tokens: tokens.create(name, scope))
    if as_json:
        click.echo(msgspec.json.encode({"token": _as_data(token), "secret": secret}))
        return
    click.echo(secret)
    click.echo(f"segd: token {token.number} ({scope}): keep it, it is not shown again", err=True)


@keys.command("revoke")
@click.argument("number", type=click.IntRange(1, 2**31 - 1))
@as_json
@settings_options
def revoke_key(number: int, as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """Take a token back, by its number in the list. It is worth nothing at once.

    \b
    Example:
      segd keys revoke 3
    """
    if not _with_tokens(config, state_dir, lambda tokens: tokens.revoke(number)):
        raise click.ClickException(f"there is no token {number}: `segd keys list` shows those that there are")
    if as_json:
        click.echo(msgspec.json.encode({"revoked": number}))


def _with_tokens(config: Path | None, state_dir: Path | None, work: Callable[[Tokens], Awaitable[T]]) -> T:
    return with_store(load(config, state_dir), lambda pool: work(Tokens(pool, clock.now)))


def _as_data(token: Token) -> dict[str, object]:
    return {
        "id": token.number,
        "name": token.name,
        "scope": token.scope,
        "createdAt": to_text(token.created_at),
        "lastUsedAt": None if token.last_used_at is None else to_text(token.last_used_at),
    }
