"""The report of a past-behaviour segment."""

import re

from playwright.sync_api import Locator, Page, expect

from browser.conftest import Open
from browser.daemon import Daemon

BOUGHT = {"type": "track", "event": "Purchase", "properties": {"amount": 40, "items": 1}}


def opened(daemon: Daemon, open_page: Open, segment: str = "Frequent buyers") -> Page:
    page = open_page(daemon.url + "/segments")
    page.get_by_role("link", name=segment, exact=True).click()
    expect(page.get_by_role("heading", name=segment, level=1)).to_be_visible()
    return page


def figure(page: Page, label: str) -> Locator:
    return page.locator(".figure", has_text=label).locator(".value")


def test_it_says_who_and_how_many_of_whom(daemon: Daemon, open_page: Open):
    page = opened(daemon, open_page)
    expect(page.locator(".definition-card")).to_contain_text("Users who did Purchase at least 3 times")
    expect(figure(page, "Members now")).to_have_text(re.compile(r"^\d+$"))
    expect(figure(page, "Of all users")).to_have_text(re.compile(r"^\d+\.\d%$"))
    sample = page.get_by_role("region", name="Sample of the day")
    expect(sample.get_by_role("listitem").first).to_be_visible()
    sample.get_by_role("link").first.click()
    expect(page.get_by_role("region", name="Timeline")).to_be_visible()


def test_the_sql_is_shown_on_demand(daemon: Daemon, open_page: Open):
    page = opened(daemon, open_page)
    page.get_by_role("button", name="Show SQL").click()
    expect(page.get_by_role("dialog")).to_contain_text("SELECT")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_recalculating_counts_who_came_since(daemon: Daemon, open_page: Open):
    page = opened(daemon, open_page)
    page.get_by_role("button", name="Recalculate now").click()
    expect(page.get_by_role("button", name="Recalculate now")).to_be_enabled()
    before = int(figure(page, "Members now").inner_text())
    daemon.post([BOUGHT | {"userId": "recalculated"}] * 3)
    page.get_by_role("button", name="Recalculate now").click()
    expect(figure(page, "Members now")).to_have_text(str(before + 1))
    page.reload()
    expect(figure(page, "Members now")).to_have_text(str(before + 1))
    page.goto(daemon.url + "/segments?q=Frequent")
    expect(page.locator("td.users .strong")).to_have_text(str(before + 1))


def test_the_overlap_adds_up(daemon: Daemon, open_page: Open):
    page = opened(daemon, open_page)
    overlap = page.get_by_role("region", name="Overlap")
    overlap.get_by_role("combobox", name="The other segment").select_option("Looked often, never bought")
    counts = overlap.locator(".overlap-count")
    expect(counts.nth(1)).to_have_text("0")
    expect(counts.nth(0)).to_have_text(re.compile(r"[1-9]"))
    overlap.get_by_role("combobox", name="The other segment").select_option("High spenders gone quiet")
    expect(overlap).to_contain_text("Only the other")
    expect(overlap.get_by_text(re.compile("% of the other")).first).to_be_visible()


def test_it_is_used_in_another_segment(daemon: Daemon, open_page: Open):
    page = opened(daemon, open_page)
    page.get_by_role("link", name="Use in another segment").click()
    page.get_by_role("link", name=re.compile("^Single action")).click()
    expect(page.get_by_role("combobox", name="segment", exact=True)).to_have_value("Frequent buyers")
