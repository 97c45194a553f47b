import re
from pathlib import Path

import pytest

from segd.config import Address, Config, ConfigError, Engage, load_config
from segd.core.time.instants import HOUR, MINUTE, SECOND

EXAMPLE = Path(__file__).parent.parent / "config" / "segd.toml"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "segd.toml"


def problems(*args, **kwargs):
    with pytest.raises(ConfigError) as caught:
        load_config(*args, **kwargs)
    return [str(problem) for problem in caught.value.problems]


def test_the_defaults():
    assert load_config(environment={"XDG_STATE_HOME": "/state"}) == Config(
        dsn=None, state_dir=Path("/state/segd"), zone="UTC", late_band=2 * HOUR, ahead=2 * MINUTE,
        grace=2 * SECOND, catch_up=2 * MINUTE,
        listen=Address("127.0.0.1", 7337), write_keys=frozenset(), hosts=frozenset(), private_webhooks=False, engage=(),
        group_milliseconds=3, group_events=5000, waiting_events=50_000, waiting_megabytes=64,
    )  # fmt: skip


def test_the_state_directory_is_under_the_home_where_xdg_says_nothing_useful(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    for environment in ({}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}):
        assert load_config(environment=environment).state_dir == Path("/home/ann/.local/state/segd")


def test_the_command_line_goes_before_the_environment_before_the_file(file):
    file.write_text('state_dir = "/file"\nzone = "Europe/Berlin"\nlate_band = "1h30m"\n')
    environment = {"SEGD_STATE_DIR": "/environment", "SEGD_GROUP_EVENTS": "3", "SEGD_ZONE": ""}
    config = load_config(file, environment=environment)
    assert config.state_dir == Path("/environment")
    assert (config.zone, config.late_band, config.group_events) == ("Europe/Berlin", 90 * MINUTE, 3)
    assert load_config(file, Path("/line"), environment).state_dir == Path("/line")


def test_nothing_is_waited_for_where_a_length_is_zero(file):
    file.write_text('grace = "0s"\n')
    config = load_config(file, environment={"SEGD_CATCH_UP": "0s"})
    assert (config.grace, config.catch_up) == (0, 0)


def test_all_problems_at_once_with_their_paths(file):
    file.write_text(
        'dsn = "mysql://host"\nzone = "Mars/Olympus"\nlate_band = 7200\nahead = "1x"\ngroup_events = true\n'
        'graec = "2s"\n[intake]\n'
    )
    found = problems(file, environment={"SEGD_AHEAD": "soon"})
    assert [line.partition(":")[0] for line in found] == [
        *sorted(["graec", "intake"]),
        "dsn",
        "zone",
        "late_band",
        "SEGD_AHEAD",
        "group_events",
    ]
    assert all("expected" in line or "unknown option" in line for line in found)


@pytest.mark.parametrize(
    ("text", "address"), [("0.0.0.0:80", ("0.0.0.0", 80)), ("[::1]:0", ("::1", 0)), ("a.example:7", ("a.example", 7))]
)
def test_where_to_listen(text, address):
    listen = load_config(environment={"SEGD_LISTEN": text}).listen
    assert (listen, str(listen)) == (address, text)


@pytest.mark.parametrize("text", ["7337", ":7337", "host:", "host:http", "host:65536", "::1:7337", "[host]:1", "[]:1"])
def test_where_nobody_can_listen(text):
    (problem,) = problems(environment={"SEGD_LISTEN": text})
    assert problem.startswith("SEGD_LISTEN: expected ")


def test_write_keys_from_the_file_and_the_environment(file):
    file.write_text('write_keys = ["a", "b"]')
    assert load_config(file, environment={}).write_keys == {"a", "b"}
    assert load_config(file, environment={"SEGD_WRITE_KEYS": "c, d"}).write_keys == {"c", "d"}
    for bad in ('"a:b"', '""', "3", '"a b"'):
        file.write_text(f"write_keys = [{bad}]")
        assert problems(file, environment={})[0].startswith("write_keys: expected")


def test_links_to_other_tools_from_the_file_and_the_environment(file):
    file.write_text('[[engage]]\nname = "Mail"\nurl = "https://mail.example/?list={name}&id={id}"\n')
    mail = Engage("Mail", "https://mail.example/?list={name}&id={id}")
    assert load_config(file, environment={}).engage == (mail,)
    push = '[{"name": "Push", "url": "http://push.example"}]'
    assert load_config(file, environment={"SEGD_ENGAGE": push}).engage == (Engage("Push", "http://push.example"),)


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ('"https://mail.example"', "expected JSON"),
        ("3", "expected links"),
        ('["https://mail.example"]', "in link 1"),
        ('[{name = "Mail"}]', "in link 1"),
        ('[{name = "", url = "https://mail.example"}]', "in link 1"),
        ('[{name = "Mail", url = "https://mail.example", icon = "x"}]', "in link 1"),
        ('[{name = "Mail", url = "javascript:alert(1)"}]', "url of 'Mail' to begin with https://"),
        ('[{name = "Mail", url = "https://mail.example/{segment}"}]', "found {segment}"),
        ('[{name = "Mail", url = "https://mail.example/{id"}]', "found {id"),
    ],
)
def test_links_that_lead_nowhere(file, links, said):
    file.write_text(f"engage = {links}")
    (problem,) = problems(file, environment={})
    assert problem.startswith("engage: expected")
    assert said in problem


@pytest.mark.parametrize("content", [b"zone = ", b"zone = '\xff'"])
def test_a_file_that_is_no_toml_is_named(file, content):
    file.write_bytes(content)
    (problem,) = problems(file, environment={})
    assert problem.startswith(f"{file}: is not TOML")


def test_a_file_that_is_not_there_is_named(file):
    assert problems(file, environment={}) == [f"{file}: cannot be read: No such file or directory"]


def test_the_example_is_whole_commented_and_shows_the_defaults(file):
    text = EXAMPLE.read_text()
    options = re.findall(r"^# (\w+) = (.+)$", text, re.MULTILINE)
    assert [name for name, _ in options] == list(Config.__struct_fields__)
    for name, _ in options:
        comment = text[: text.index(f"# {name} = ")].rstrip("\n").rsplit("\n\n", 1)[-1]
        assert len(comment) > 80, f"{name} needs a word on its unit and reason"
    file.write_text("\n".join(f"{name} = {value}" for name, value in options if name not in ("dsn", "state_dir")))
    assert load_config(file, environment={}) == load_config(environment={})
    file.write_text("\n".join(f"{name} = {value}" for name, value in options))
    load_config(file, environment={})
