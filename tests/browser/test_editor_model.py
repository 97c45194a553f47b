"""The editor's state: what the language can say is opened, shown in boxes, read from them and saved without loss."""

import json
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from core.language.definition_strategies import definitions
from hypothesis import given

from segd.core.language.reading import definition_json, read_definition
from segd.stories.reading import read_stories

SCRIPT = Path(__file__).parent / "editor_model.mjs"
PACKAGE = Path(__file__).parents[2] / "segd"
SAMPLES = sorted((PACKAGE / "sample/segments").glob("*.json"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Asks the editor's modules, in Node, which must be told that they are modules."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    folder = tmp_path_factory.mktemp("model")
    (folder / "package.json").write_text('{"type": "module"}')
    for part in ("base", "editor"):
        shutil.copytree(PACKAGE / "web/static" / part, folder / part)
    shutil.copy(SCRIPT, folder)
    command = [node, folder / SCRIPT.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout

        def ask(name, *arguments):
            process.stdin.write(json.dumps([name, *arguments]) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            if "error" in answer:
                raise ValueError(answer["error"])
            return answer.get("answer")

        yield ask
        process.stdin.close()


@given(definition=definitions)
def test_a_definition_comes_back_whole(model, definition):
    again = model("reopened", definition_json(definition).decode())
    assert (again["leftOut"], again["missing"], again["blanks"]) == (0, None, [])
    assert read_definition(again["document"]) == definition
    assert read_definition(again["pretty"]) == definition
    assert again["kind"]


def test_the_definition_of_every_story_comes_back_whole(model):
    files = sorted((Path(__file__).parents[1] / "stories").glob("*.toml"))
    plans = [story.plan for path in files for story in read_stories(path)]
    written = [each.definition for plan in plans for each in (*plan.live, *plan.past.values())]
    assert len(written) > 100
    for definition in written:
        again = model("reopened", definition_json(definition).decode())
        assert (again["leftOut"], again["missing"], again["blanks"]) == (0, None, [])
        assert read_definition(again["document"]) == definition


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_written_definition_comes_back_whole(model, path):
    document = path.read_text()
    assert read_definition(model("reopened", document)["document"]) == read_definition(document)


def test_every_start_asks_for_little_and_is_right_once_that_is_given(model):
    starts = [json.loads(text) for text in model("starts")]
    assert len(starts) == 9
    for start in starts:
        asked = model("finished", json.dumps(start))
        assert len(asked["blanks"]) <= 2
        if asked["document"]:
            read_definition(asked["document"])


@pytest.mark.parametrize(
    "number", ["12345678901234567890", "0.1234567890123456789", "-1e400", "1E+20", "-0.5", "0", "1.50", "1e-7"]
)
def test_numbers_stay_what_they_are(model, number):
    assert Decimal(model("echo", number)) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Expected a value at the end."),
        ('{"a": 1', "Expected a comma or } at the end."),
        ('{\n "a" 1}', "Expected a colon at line 2, column 6."),
        ('{"a": 1, "a": 2}', 'Expected each field once, and not "a" again at line 1, column 13.'),
        ("[1] 2", "Expected nothing more at line 1, column 5."),
        ('{"name": "tab\there"}', "Expected a value at line 1, column 10."),
    ],
)
def test_what_is_no_json_is_said_with_its_place(model, text, sentence):
    with pytest.raises(ValueError, match="Expected") as caught:
        model("echo", text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("50", 50),
        (" 50 ", 50),
        ('"50"', "50"),
        ("gold", "gold"),
        ("true", True),
        ('"true"', "true"),
        ('""', ""),
        ("007", "007"),
        ("1.", "1."),
        ('say "hi"', 'say "hi"'),
        ('" padded "', " padded "),
    ],
)
def test_a_value_is_read_as_it_is_shown(model, typed, value):
    assert json.loads(model("read", typed)) == value
    assert json.loads(model("read", model("value", typed))) == value


def test_where_only_text_was_seen_digits_are_text(model):
    assert json.loads(model("read", "541312140", True)) == "541312140"
    assert model("value", "541312140", True) == '"541312140"'


def test_a_blank_condition_is_left_out_and_named(model):
    document = {
        "kind": "past",
        "where": {
            "type": "all",
            "of": [
                {"type": "did", "event": "Charged", "where": [{"property": "amount", "op": "gt"}]},
                {"type": "profile", "property": "tier", "op": "eq"},
                {"type": "any", "of": [{"type": "did", "event": ""}]},
                {"type": "did", "event": "Added", "when": {"last": "d"}},
            ],
        },
    }
    answer = model("finished", json.dumps(document))
    assert json.loads(answer["document"]) == {
        "name": "Unnamed",
        "kind": "past",
        "where": {"type": "all", "of": [{"type": "did", "event": "Charged"}]},
    }
    assert answer["leftOut"] == 4
    assert answer["blanks"] == {
        "where.of[0].where[0].value": "Give a value.",
        "where.of[1].value": "Give a value.",
        "where.of[2].of[0].event": "Choose an event.",
        "where.of[3].when.last": "Give a length, like 10 minutes.",
    }


@pytest.mark.parametrize(
    ("on", "missing"),
    [
        ({"type": "action", "did": {"event": ""}}, "Choose an event."),
        (
            {"type": "inaction", "did": {"event": "A"}, "did_not": {"event": "B"}, "within": "m"},
            "Give a length, like 10 minutes.",
        ),
        ({"type": "date", "event": "A", "property": ""}, "Choose a property."),
        ({"type": "page_count"}, "Give a number, like 3."),
    ],
)
def test_without_what_matters_most_it_says_what_is_missing(model, on, missing):
    answer = model("finished", json.dumps({"kind": "live", "on": on}))
    assert (answer["document"], answer["missing"]) == (None, missing)


def test_another_operator_keeps_what_it_can(model):
    def value(op, before):
        return json.loads(model("valueFor", op, json.dumps(before))).get("value")

    assert value("in", "a") == ["a"]
    assert value("eq", ["a", "b"]) == "a"
    assert value("between", 5) == [5, None]
    assert value("exists", 5) is None
    assert value("starts_with", 5) == "5"


def test_places_are_named_as_the_daemon_names_them(model):
    assert model("path", ["where", "of", 1, "when"]) == "where.of[1].when"
    assert model("path", ["on", "a b"]) == 'on["a b"]'


def test_lists_are_changed_by_place(model):
    document = json.dumps({"of": [1, 2, 3], "kept": {"x": None}})
    assert model("move", document, ["of", 2], -1) == {"of": [1, 3, 2], "kept": {"x": None}}
    assert model("move", document, ["of", 0], -1)["of"] == [1, 2, 3]
    assert model("insert", document, ["of"], 1, 9)["of"] == [1, 9, 2, 3]
    assert model("drop", json.dumps({"a": {"where": [1]}}), ["a", "where", 0]) == {"a": {}}


def test_lengths_are_a_number_and_a_unit_where_they_can_be(model):
    assert model("length", "10m") == {"number": "10", "unit": "m"}
    assert model("length", "-5d") == {"number": "5", "unit": "d"}
    assert model("length", "d") == {"number": "", "unit": "d"}
    assert model("length", "1h30m") is None
    assert model("length", "soon") is None
