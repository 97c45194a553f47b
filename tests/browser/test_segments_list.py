"""The list of segments: found as one types, sorted, paused, duplicated, deleted."""

import re
from collections.abc import Generator

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import HEIGHT, Open
from browser.daemon import Daemon

ACTION = {"kind": "live", "on": {"type": "action", "did": {"event": "Add To Cart"}}}


def names(page: Page) -> list[str]:
    return page.locator(".row-link").all_inner_texts()


def test_search_looks_at_names_and_words_as_one_types(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url)
    expect(page.locator(".row-link")).to_have_count(10)
    page.get_by_role("searchbox").press_sequentially("birthday")
    expect(page.locator(".row-link")).to_have_text(["Birthday in five days"])
    page.get_by_role("searchbox").fill("Start Checkout")
    expect(page.locator(".row-link")).to_have_text(["Platinum, stalled at checkout"])
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("Start Checkout")


def test_kinds_and_orders(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url)
    expect(page.locator(".row-link")).to_have_count(10)
    page.get_by_role("radio", name="Past").check(force=True)
    expect(page.locator(".row-link")).to_have_count(3)
    assert names(page) == sorted(names(page))
    page.get_by_role("button", name="Name").click()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
    assert names(page) == sorted(names(page), reverse=True)


def test_pause_and_resume(daemon: Daemon, open_page: Open):
    number = daemon.make(ACTION | {"name": "To be paused"})
    page = open_page(daemon.url + "/segments?q=To+be+paused")
    row = page.get_by_role("row", name=re.compile("To be paused"))
    row.hover()
    row.get_by_role("button", name="Pause To be paused").click()
    expect(row.locator(".badge", has_text="Paused")).to_be_visible()
    row.get_by_role("button", name="Resume To be paused").click()
    expect(row.get_by_text("Running")).to_be_visible()
    daemon.ask("DELETE", f"/segments/{number}")


def test_delete_asks_and_starts_on_what_keeps(daemon: Daemon, open_page: Open):
    number = daemon.make(ACTION | {"name": "To be deleted"})
    page = open_page(daemon.url + "/segments?q=To+be+deleted")
    more = page.get_by_role("button", name="More for To be deleted")
    more.click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert daemon.ask("GET", f"/segments/{number}")["name"] == "To be deleted"
    more.click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("button", name="Delete segment").click()
    expect(page.get_by_text(re.compile("None of"))).to_be_visible()
    left = daemon.ask("GET", "/segments?perPage=500")["segments"]
    assert "To be deleted" not in [segment["name"] for segment in left]


def test_a_menu_is_walked_by_keys(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/segments?q=Frequent")
    more = page.get_by_role("button", name="More for Frequent buyers")
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Edit")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem", name="Delete")).to_be_focused()
    page.keyboard.press("Escape")
    expect(more).to_be_focused()


@pytest.fixture
def many(daemon: Daemon) -> Generator[None]:
    """Some more segments than fit on a few screens."""
    made = [daemon.make(ACTION | {"name": f"Segment {number:03}"}) for number in range(120)]
    yield
    for number in made:
        daemon.ask("DELETE", f"/segments/{number}")


@pytest.mark.usefixtures("many")
def test_of_a_long_list_what_is_near_is_drawn(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url, width=390)
    only_what_is_near_is_drawn(page, stops_a_row=2)
    page.set_viewport_size({"width": 1440, "height": HEIGHT})
    page.goto(daemon.url)
    only_what_is_near_is_drawn(page, stops_a_row=4)


def only_what_is_near_is_drawn(page: Page, stops_a_row: int) -> None:
    """stops_a_row: of the Tab key."""
    expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", "131")
    expect(page.get_by_role("link", name="Birthday in five days")).to_be_visible()
    assert len(names(page)) < 100
    page.keyboard.press("End")
    expect(page.get_by_role("link", name="Visited the sale pages")).to_be_in_viewport()
    expect(page.get_by_role("link", name="Birthday in five days")).to_have_count(0)
    page.get_by_role("link", name="Segment 119").focus()
    row = "Number(document.activeElement.closest('tr').ariaRowIndex)"
    before = page.evaluate(row)
    for above in range(1, 31):  # a row at a time, or a slow browser has not drawn those that are near by then
        for _ in range(stops_a_row):
            page.keyboard.press("Shift+Tab")
        page.wait_for_function(f"{row} === {before - above}")
    page.get_by_role("searchbox").fill("Segment 07")
    expect(page.locator(".row-link")).to_have_text([f"Segment 07{number}" for number in range(10)])


def test_it_is_true_without_a_reload(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/segments?q=Made+elsewhere")
    expect(page.get_by_text(re.compile("None of"))).to_be_visible()
    number = daemon.make(ACTION | {"name": "Made elsewhere"})
    expect(page.get_by_role("link", name="Made elsewhere")).to_be_visible()
    daemon.ask("DELETE", f"/segments/{number}")
