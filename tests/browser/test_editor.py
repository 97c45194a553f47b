"""Segments made through the page: of every kind, from the choice of types to somebody who qualifies as one watches."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import Open
from browser.daemon import Daemon

SAMPLES = sorted((Path(__file__).parents[2] / "segd/sample/segments").glob("*.json"))
CART = {"type": "track", "event": "Add To Cart", "properties": {"price": 227.79, "brand": "apple"}}
BOUGHT = {"type": "track", "event": "Purchase", "properties": {"amount": 40, "items": 1}}


# Hands


def suggest(page: Page, label: str, text: str, nth: int = 0) -> None:
    """Type into a box with suggestions, and take the first."""
    box = page.get_by_role("combobox", name=label, exact=True).nth(nth)
    box.fill(text)
    box.press("Enter")


def pick(page: Page, label: str, words: str, nth: int = 0) -> None:
    """Choose words in a box that has nothing else."""
    page.get_by_role("combobox", name=re.compile(f"^{label}:")).nth(nth).click()
    page.get_by_role("option", name=words, exact=True).click()


def write(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).fill(text)


def add(page: Page, what: str, nth: int = 0) -> None:
    page.get_by_role("button", name=what, exact=True).nth(nth).click()


def save(page: Page, name: str) -> int:
    """Save under a name. Returns the segment's number, once its report is shown."""
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Name").press("Enter")
    page.wait_for_url(re.compile(r"/segments/\d+$"))
    page.mouse.move(0, 0)  # nothing moves under a pointer
    return int(page.url.rpartition("/")[2])


def document(page: Page) -> dict[str, Any]:
    """The definition as the JSON side shows it."""
    page.get_by_role("radio", name="JSON").check(force=True)
    return json.loads(json_box(page).input_value())


def json_box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Definition as JSON")


def start(open_page: Open, daemon: Daemon, card: str) -> Page:
    page = open_page(daemon.url + "/segments/new")
    page.get_by_role("link", name=re.compile(f"^{card}")).click()
    expect(page.locator(".editor-card")).to_be_visible()
    return page


# The nine kinds


def make_past_action(page: Page) -> dict[str, Any]:
    suggest(page, "event", "purch")
    write(page, "how many times", "2")
    write(page, "in the last, how many", "30")
    count = {"op": "gte", "value": 2}
    return {"type": "all", "of": [{"type": "did", "event": "Purchase", "count": count, "when": {"last": "30d"}}]}


def make_past_inaction(page: Page) -> dict[str, Any]:
    suggest(page, "event", "add to", 0)
    suggest(page, "event", "refund", 1)
    pick(page, "when", "ever", 1)
    added = {"type": "did", "event": "Add To Cart", "when": {"last": "30d"}}
    return {"type": "all", "of": [added, {"type": "did_not", "event": "refund"}]}


def make_properties(page: Page) -> dict[str, Any]:
    suggest(page, "property", "tier")
    suggest(page, "value", "browser-tier")
    page.get_by_role("button", name="More for this condition").nth(1).click()
    page.get_by_role("menuitem", name="Remove this condition").click()
    return {"type": "all", "of": [{"type": "profile", "property": "tier", "op": "eq", "value": "browser-tier"}]}


def make_action(page: Page) -> dict[str, Any]:
    suggest(page, "event", "Add To C")
    add(page, "Add a condition on Add To Cart")
    suggest(page, "property", "price")
    suggest(page, "value", "200.5")
    test = {"property": "price", "op": "gte", "value": 200.5}
    return {"type": "action", "did": {"event": "Add To Cart", "where": [test]}}


def make_inaction(page: Page) -> dict[str, Any]:
    suggest(page, "event that was done", "Add To C")
    suggest(page, "event that was not done", "Purch")
    write(page, "within, how many", "2")
    pick(page, "within, unit", "seconds")
    return {"type": "inaction", "did": {"event": "Add To Cart"}, "did_not": {"event": "Purchase"}, "within": "2s"}


def make_date(page: Page) -> dict[str, Any]:
    pick(page, "before, on or after", "on")
    suggest(page, "event", "Appointment Booked")
    suggest(page, "property that holds the date", "at")
    return {"type": "date", "event": "Appointment Booked", "property": "at"}


def make_page_visit(page: Page) -> dict[str, Any]:
    suggest(page, "value", "/sale/browser")
    return {"type": "page_visit", "where": [{"property": "path", "op": "starts_with", "value": "/sale/browser"}]}


def make_referrer(page: Page) -> dict[str, Any]:
    suggest(page, "value", "browser.example")
    test = {"property": "referrer_host", "op": "ends_with", "value": "browser.example"}
    return {"type": "referrer", "where": [test]}


def make_page_count(page: Page) -> dict[str, Any]:
    write(page, "how many pages", "3")
    return {"type": "page_count", "at_least": 3}


def viewed(path: str, referrer: str = "") -> dict[str, Any]:
    return {"type": "page", "properties": {"url": f"https://shop.example{path}", "referrer": referrer}}


def booked() -> dict[str, Any]:
    soon = datetime.now(UTC) + timedelta(seconds=3)
    return {"type": "track", "event": "Appointment Booked", "properties": {"at": soon.isoformat()}}


Make = Callable[[Page], dict[str, Any]]
Did = Callable[[], list[dict[str, Any]]]

PAST: dict[str, tuple[str, Make, Did]] = {
    "past action": ("Action Who", make_past_action, lambda: [BOUGHT, BOUGHT]),
    "past inaction": ("Action and inaction", make_past_inaction, lambda: [CART]),
    "properties": ("With user properties", make_properties, lambda: [tier()]),
}
LIVE: dict[str, tuple[str, Make, Did]] = {
    "action": ("Single action", make_action, lambda: [CART]),
    "inaction": ("Inaction within time", make_inaction, lambda: [CART]),
    "date": ("On a date or time", make_date, lambda: [booked()]),
    "page visit": ("Page visit", make_page_visit, lambda: [viewed("/sale/browser/1")]),
    "referrer": ("Referrer entry", make_referrer, lambda: [viewed("/", "https://www.browser.example/")]),
    "page count": ("Page count", make_page_count, lambda: [viewed(f"/{number}") for number in range(3)]),
}


def tier() -> dict[str, Any]:
    return {"type": "identify", "traits": {"tier": "browser-tier"}}


def of_user(user: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message | {"userId": user} for message in messages]


@pytest.mark.parametrize("kind", LIVE)
def test_a_live_segment_is_made_and_qualifies_somebody(daemon: Daemon, open_page: Open, kind: str):
    card, make, did = LIVE[kind]
    page = start(open_page, daemon, card)
    on = make(page)
    number = save(page, f"Made by hand: {kind}")
    assert daemon.ask("GET", f"/segments/{number}")["definition"]["on"] == on
    expect(page.locator("h1")).to_have_text(f"Made by hand: {kind}")
    daemon.post(of_user(f"hand-{kind}", did()))
    expect(page.get_by_role("link", name=f"hand-{kind}")).to_be_visible()
    assert_reopens_unchanged(page, daemon, number)


@pytest.mark.parametrize("kind", PAST)
def test_a_past_segment_is_made_and_counts_somebody(daemon: Daemon, open_page: Open, kind: str):
    card, make, did = PAST[kind]
    page = start(open_page, daemon, card)
    where = make(page)
    number = save(page, f"Made by hand: {kind}")
    assert daemon.ask("GET", f"/segments/{number}")["definition"]["where"] == where
    members = page.locator(".figure", has_text="Members now").locator(".value")
    page.get_by_role("button", name="Recalculate now").click()
    expect(members).to_have_text(re.compile(r"\d"))
    before = int(members.inner_text())
    daemon.post(of_user(f"hand-{kind}", did()))
    page.get_by_role("button", name="Recalculate now").click()
    expect(members).to_have_text(str(before + 1))
    assert_reopens_unchanged(page, daemon, number)


def assert_reopens_unchanged(page: Page, daemon: Daemon, number: int) -> None:
    kept = daemon.ask("GET", f"/segments/{number}")
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.locator(".sentence").first).to_be_visible()
    assert document(page) == kept["definition"]
    page.get_by_role("radio", name="Sentence").check(force=True)
    page.keyboard.press("Control+s")
    page.get_by_role("dialog").get_by_role("button", name="Save segment").click()
    page.wait_for_url(re.compile(r"/segments/\d+$"))
    again = daemon.ask("GET", f"/segments/{number}")
    assert (again["definition"], again["version"]) == (kept["definition"], kept["version"])


def pasted(open_page: Open, daemon: Daemon, given: dict[str, Any]) -> Page:
    """On the side of the sentence, which has nothing to complain about."""
    page = open_page(daemon.url + "/segments/new/json")
    json_box(page).fill(json.dumps(given))
    page.get_by_role("radio", name="Sentence").check(force=True)
    expect(page.locator(".sentence").first).to_be_visible()
    expect(page.locator(".answer")).not_to_contain_text("Mend what is marked")
    expect(page.locator(".box-wrong, .problems")).to_have_count(0)
    return page


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_what_was_written_elsewhere_is_pasted_shown_and_kept(daemon: Daemon, open_page: Open, sample: Path):
    text = re.sub(r'"segment": "[^"]*"', '"segment": "Frequent buyers"', sample.read_text())
    given = json.loads(text) | {"name": f"Pasted {sample.stem}"}
    page = pasted(open_page, daemon, given)
    assert document(page) == given
    number = save(page, given["name"])
    assert daemon.ask("GET", f"/segments/{number}")["definition"] == given


def test_a_number_beyond_a_browsers_arithmetic_is_kept(daemon: Daemon, open_page: Open):
    where = [{"property": "order_id", "op": "ne", "value": 12345678901234567890}]
    on = {"type": "action", "did": {"event": "Purchase", "where": where}}
    given = {"name": "Not that order", "kind": "live", "on": on}
    page = pasted(open_page, daemon, given)
    expect(page.get_by_label("value", exact=True)).to_have_value("12345678901234567890")
    number = save(page, given["name"])
    page.get_by_role("link", name="Edit", exact=True).click()
    assert document(page) == given
    assert daemon.ask("GET", f"/segments/{number}")["definition"] == given


def test_what_is_no_definition_has_no_sentence_and_says_why(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/segments/new/json")
    json_box(page).fill('{"kind": "live", "on": {"type": "acton"}}')
    expect(page.get_by_role("list", name="Mistakes")).to_contain_text("did you mean action?")
    page.get_by_role("radio", name="Sentence").check(force=True)
    expect(page.get_by_role("heading", name="No sentence to show")).to_be_visible()
    page.get_by_role("button", name="Show the JSON").click()
    json_box(page).fill('{"kind": ')
    expect(page.locator("#json-wrong")).to_have_text("Expected a value at the end.")
    expect(page.locator(".answer")).to_contain_text("Mend the JSON.")
    page.get_by_role("button", name="Save segment").click()
    expect(page.locator(".toast")).to_contain_text("Not saved: the JSON cannot be read.")


# While one types


def test_names_are_suggested_with_counts_and_taken_by_keys(daemon: Daemon, open_page: Open):
    page = start(open_page, daemon, "Single action")
    box = page.get_by_role("combobox", name="event", exact=True)
    box.fill("PUR")
    first = page.get_by_role("option").first
    expect(first).to_contain_text("Purchase")
    expect(first).to_have_attribute("aria-selected", "true")
    expect(first.locator(".note")).to_have_text(re.compile(r"\d"))
    expect(page.get_by_role("option").last).to_contain_text("Use “PUR” as typed")
    box.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    box.fill("Pur")
    box.press("Tab")
    expect(box).to_have_value("Purchase")
    page.locator(".more-button").click()
    zone = page.get_by_role("combobox", name="time zone")
    zone.click()
    zone.press("ArrowUp")
    expect(page.get_by_role("option").last).to_be_in_viewport()


def test_the_answer_follows_and_leaves_out_what_is_unfinished(daemon: Daemon, open_page: Open):
    page = start(open_page, daemon, "Single action")
    answer = page.get_by_role("region", name="Had this been live")
    suggest(page, "event", "View Prod")
    expect(answer.get_by_role("img", name=re.compile("Qualifications a day"))).to_be_visible()
    expect(answer.locator(".value")).to_have_text(re.compile(r"[1-9]"))
    page.get_by_label("Filter this stream on past behaviour and user properties").check()
    expect(answer.locator(".card-foot")).to_contain_text("The unfinished condition is left out.")
    suggest(page, "event", "", 1)
    suggest(page, "event", "never heard of", 1)
    expect(answer).to_contain_text("never heard of was never seen")
    expect(answer.locator(".value")).to_have_text("0")
    suggest(page, "event", "", 0)
    expect(answer).to_contain_text("Choose an event.")


def test_on_a_phone_the_answer_is_a_bar_that_opens(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/segments/new/inaction", width=390)
    bar = page.locator(".answer-bar")
    expect(bar).to_have_text(re.compile(r"^\d+"))
    expect(page.locator(".answer .plot")).to_be_hidden()
    bar.click()
    expect(page.locator(".answer .plot")).to_be_visible()


def test_a_past_answer_has_its_share_sample_and_sql(daemon: Daemon, open_page: Open):
    page = start(open_page, daemon, "Action Who")
    answer = page.get_by_role("region", name="Members now")
    expect(answer).to_contain_text(re.compile(r"% of all \d+ users"))
    expect(answer.get_by_role("listitem").first).to_be_visible()
    answer.get_by_role("button", name="SQL").click()
    expect(page.get_by_role("dialog")).to_contain_text("SELECT")


def test_a_mistake_stands_at_its_box_in_words(daemon: Daemon, open_page: Open):
    page = start(open_page, daemon, "Inaction within time")
    box = page.get_by_label("within, how many")
    box.fill("10x")
    box = page.get_by_label("within", exact=True)
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(box).to_have_accessible_description(re.compile("Expected a length such as 90s"))
    page.keyboard.press("Control+s")
    expect(page.get_by_role("status").filter(has_text="Not saved")).to_be_visible()
    expect(box).to_be_focused()
    box.fill("1h30m")
    expect(page.locator(".box-wrong")).to_have_count(0)
    assert document(page)["on"]["within"] == "1h30m"


def test_saving_what_is_blank_says_what_is_missing(daemon: Daemon, open_page: Open):
    page = start(open_page, daemon, "On a date or time")
    page.keyboard.press("Control+s")
    expect(page.locator(".box-wrong")).to_have_text(["Choose a property.", "Choose an event."])


def test_a_name_that_is_taken_is_said_where_it_is_asked(daemon: Daemon, open_page: Open):
    page = start(open_page, daemon, "Page count")
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name")).to_be_focused()
    expect(dialog).to_contain_text("Convey the core meaning, keep it brief")
    dialog.get_by_role("button", name="Save segment").click()
    expect(dialog).to_contain_text("Give it a name.")
    dialog.get_by_label("Name").fill("Frequent buyers")
    dialog.get_by_role("button", name="Save segment").click()
    expect(dialog.locator(".wrong")).to_contain_text("There is a segment 'Frequent buyers' already")


def test_a_name_is_kept_as_it_is(daemon: Daemon, open_page: Open):
    number = daemon.make({"name": " Padded ", "kind": "live", "on": {"type": "page_visit"}})
    page = open_page(f"{daemon.url}/segments/{number}/edit")
    page.get_by_role("button", name="Save segment").click()
    page.get_by_role("dialog").get_by_role("button", name="Save segment").click()
    expect(page.get_by_role("heading", name="Padded", level=1)).to_be_visible()
    segment = daemon.ask("GET", f"/segments/{number}")
    assert (segment["name"], segment["version"]) == (" Padded ", 1)


def test_groups_are_nested_and_conditions_moved_by_keys(daemon: Daemon, open_page: Open):
    page = start(open_page, daemon, "Action Who")
    suggest(page, "event", "Purch")
    add(page, "group")
    page.keyboard.type("View Prod")
    page.keyboard.press("Tab")
    pick(page, "how many must hold", "any", 1)
    add(page, "condition", 0)
    expect(page.get_by_role("combobox", name="event", exact=True).nth(2)).to_be_focused()
    page.keyboard.press("Backspace")
    expect(page.get_by_role("combobox", name="event", exact=True)).to_have_count(2)
    add(page, "condition", 1)
    page.keyboard.type("Add To C")
    page.keyboard.press("Enter")
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.get_by_role("combobox", name="event", exact=True).first).to_be_focused()
    kinds = [one["type"] for one in document(page)["where"]["of"]]
    assert kinds == ["did", "did", "any"]


# Nothing typed is lost


def test_what_somebody_else_changed_meanwhile_is_replaced_only_knowingly(daemon: Daemon, open_page: Open):
    definition = {"name": "Contested", "kind": "live", "on": {"type": "page_count", "at_least": 5}}
    number = daemon.make(definition)
    page = open_page(f"{daemon.url}/segments/{number}/edit", refused=True)
    write(page, "how many pages", "9")
    daemon.ask("PUT", f"/segments/{number}", {"definition": definition | {"on": {"type": "page_count", "at_least": 7}}})
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Save segment").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Somebody changed it")
    expect(dialog.get_by_role("alert")).to_contain_text("viewed 7 pages")
    expect(dialog.get_by_role("link", name="See the newer version")).to_be_visible()
    dialog.get_by_role("button", name="Save all the same").click()
    page.wait_for_url(re.compile(r"/segments/\d+$"))
    assert daemon.ask("GET", f"/segments/{number}")["definition"]["on"]["at_least"] == 9


def test_what_was_typed_is_offered_after_a_reload(daemon: Daemon, open_page: Open):
    page = start(open_page, daemon, "Page count")
    write(page, "how many pages", "17")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.get_by_role("button", name="Bring it back").click()
    expect(page.get_by_label("how many pages")).to_have_value("17")
    page.reload()
    page.get_by_role("button", name="Discard it").click()
    expect(page.get_by_label("how many pages")).to_have_value("5")
    page.reload()
    expect(page.get_by_label("how many pages")).to_have_value("5")
    expect(page.get_by_role("button", name="Discard it")).to_have_count(0)


def test_leaving_asks_first(daemon: Daemon, open_page: Open):
    page = start(open_page, daemon, "Page count")
    write(page, "how many pages", "18")
    page.get_by_role("link", name="Users").click()
    page.get_by_role("button", name="Stay").click()
    expect(page.get_by_label("how many pages")).to_have_value("18")
    page.get_by_role("link", name="Users").click()
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()
