"""The configuration: one TOML file and the environment become one frozen struct.

What the environment says (SEGD_STATE_DIR for `state_dir`, and so on) goes before the file; what neither says is the
default. `config/segd.toml` explains every option.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import msgspec
from msgspec import Struct

from segd.core.errors import Problem, SegdError
from segd.core.time.calendar import zone
from segd.core.time.lengths import parse_length

_HOLES: Final = re.compile(r"\{[^}]*\}?")


class ConfigError(SegdError):
    """A configuration that cannot be; `problems` holds all of them, each path an option, a variable or the file."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("bad_config", "; ".join(map(str, problems)))
        self.problems = problems


class Address(NamedTuple):
    """Where to listen. port: 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Engage(NamedTuple):
    """A link to where users are engaged. url: may hold `{id}` and `{name}`, of the segment it is offered for."""

    name: str
    url: str


class Config(Struct, frozen=True):
    """What the operator decides. dsn: None is the embedded server of `state_dir`. Lengths are microseconds here.

    write_keys: none is the one that segd makes.
    """

    dsn: str | None
    state_dir: Path
    zone: str
    late_band: int
    ahead: int
    grace: int
    catch_up: int
    listen: Address
    write_keys: frozenset[str]
    hosts: frozenset[str]
    private_webhooks: bool
    engage: tuple[Engage, ...]
    group_milliseconds: int
    group_events: int
    waiting_events: int
    waiting_megabytes: int


def load_config(
    file: Path | None = None, state_dir: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Config:
    """Read the file and the environment. Raises ConfigError with all that is wrong.

    file: None where there is none. state_dir: what the command line says, before anything else.
    """
    problems: list[Problem] = []
    given = _read(file, problems) if file else {}
    unknown = f"unknown option, expected one of {', '.join(_READERS)}"
    problems += [Problem(name, unknown) for name in sorted(given.keys() - _READERS)]
    values: dict[str, Any] = {}
    for name, read in _READERS.items():
        variable = f"SEGD_{name.upper()}"
        set_by = variable if environment.get(variable) else name
        default = _DEFAULTS.get(name)
        try:
            values[name] = read(environment[variable] if set_by == variable else given.get(name, default))
        except ValueError as error:
            problems.append(Problem(set_by, str(error)))
    if problems:
        raise ConfigError(problems)
    values["state_dir"] = state_dir or values["state_dir"] or _default_state_dir(environment)
    return Config(**values)


def _read(file: Path, problems: list[Problem]) -> dict[str, Any]:
    try:
        return msgspec.toml.decode(file.read_bytes())
    except OSError as error:
        problems.append(Problem(str(file), f"cannot be read: {error.strerror}"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problems.append(Problem(str(file), f"is not TOML: {error}"))
    return {}


def _default_state_dir(environment: Mapping[str, str]) -> Path:
    home = Path(environment.get("XDG_STATE_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".local" / "state") / "segd"  # XDG: a relative one is ignored


# One reader for each option: its value from what the file or the environment holds. Raises ValueError.


def _dsn(value: Any) -> str | None:
    if value is not None and not str(value).startswith(("postgresql://", "postgres://")):
        raise ValueError("expected an address such as postgresql://user:password@host:5432/database")
    return value


def _state_dir(value: Any) -> Path | None:
    return None if value is None else Path(_text(value)).expanduser()


def _zone(value: Any) -> str:
    return zone(_text(value)).key


def _length(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError(f'expected a length in quotes such as "90s", "10m" or "2h", found {value}')
    return parse_length(value)


def _length_or_zero(value: Any) -> int:
    return 0 if value in (0, "0", "0s") else _length(value)


def _whole(least: int, most: int, unit: str) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, str) and value.isascii() and value.isdecimal():  # from the environment
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"expected a whole number of {unit}, {least:,} to {most:,}")
        return value

    return read


def parse_address(value: Any) -> Address:
    """HOST:PORT, an IPv6 one in brackets. Raises ValueError."""
    host, colon, port = _text(value).rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not (colon and bare and port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise ValueError(f"expected HOST:PORT such as 127.0.0.1:7337, found {value!r}")
    if (":" in bare) != (len(host) == len(bare) + 2):
        raise ValueError(f"expected an IPv6 address in brackets such as [::1]:7337, found {value!r}")
    return Address(bare, int(port))


def _write_keys(value: Any) -> frozenset[str]:
    if isinstance(value, str):  # from the environment
        value = [key.strip() for key in value.split(",")]
    if not isinstance(value, list):
        raise ValueError('expected a list of keys such as ["…", "…"]')
    keys = [_text(key) for key in cast("list[Any]", value)]
    if any(":" in key or not key.isascii() or not key.isprintable() or " " in key for key in keys):
        raise ValueError("expected keys of plain characters, without a colon or a space")
    return frozenset(keys)


def _hosts(value: Any) -> frozenset[str]:
    if isinstance(value, str):  # from the environment
        value = [host.strip() for host in value.split(",")]
    if not isinstance(value, list):
        raise ValueError('expected a list of names such as ["segd.example.com"]')
    return frozenset(_text(host) for host in cast("list[Any]", value))


def _yes_or_no(value: Any) -> bool:
    if isinstance(value, str) and value in ("true", "false"):  # from the environment
        return value == "true"
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def _engage(value: Any) -> tuple[Engage, ...]:
    if isinstance(value, str):  # from the environment
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise ValueError('expected JSON such as [{"name": "Campaign", "url": "https://…/{id}"}]') from None
    if not isinstance(value, list):
        raise ValueError("expected links, each [[engage]] with a name and a url")
    return tuple(_link(number, link) for number, link in enumerate(cast("list[Any]", value), 1))


def _link(number: int, value: Any) -> Engage:
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if fields.keys() != {"name", "url"} or not all(isinstance(text, str) and text for text in fields.values()):
        raise ValueError(f"expected a name and a url, both text, in link {number}")
    link = Engage(fields["name"], fields["url"])
    if not link.url.startswith(("https://", "http://")):
        raise ValueError(f"expected the url of {link.name!r} to begin with https:// or http://, found {link.url!r}")
    if unknown := sorted(set(_HOLES.findall(link.url)) - {"{id}", "{name}"}):
        raise ValueError(f"expected {{id}} or {{name}} in the url of {link.name!r}, found {', '.join(unknown)}")
    return link


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("expected text in quotes")
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "dsn": _dsn,
    "state_dir": _state_dir,
    "zone": _zone,
    "late_band": _length,
    "ahead": _length,
    "grace": _length_or_zero,
    "catch_up": _length_or_zero,
    "listen": parse_address,
    "write_keys": _write_keys,
    "hosts": _hosts,
    "private_webhooks": _yes_or_no,
    "engage": _engage,
    "group_milliseconds": _whole(0, 1_000, "milliseconds"),
    "group_events": _whole(1, 100_000, "events"),
    "waiting_events": _whole(1, 10_000_000, "events"),
    "waiting_megabytes": _whole(1, 100_000, "megabytes"),
}
_DEFAULTS: dict[str, Any] = {
    "zone": "UTC",
    "late_band": "2h",
    "ahead": "2m",
    "grace": "2s",
    "catch_up": "2m",
    "listen": "127.0.0.1:7337",
    "write_keys": [],
    "hosts": [],
    "private_webhooks": False,
    "engage": [],
    "group_milliseconds": 3,
    "group_events": 5_000,
    "waiting_events": 50_000,
    "waiting_megabytes": 64,
}
