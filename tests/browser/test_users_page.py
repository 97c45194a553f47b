"""Users: found, told with all they did and what it caused, explained, and forgotten."""

import json
import re
import time

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Open
from browser.daemon import Daemon

CART = {"type": "track", "event": "Add To Cart", "properties": {"price": 643.23, "brand": "lg"}}
BOUGHT = {"type": "track", "event": "Purchase", "properties": {"amount": 643.23, "items": 1}}


def identify(email: str) -> dict[str, object]:
    return {"type": "identify", "traits": {"email": email, "tier": "gold", "city": "Wien"}}


def post(daemon: Daemon, user: str, *messages: dict[str, object]) -> None:
    daemon.post([message | {"userId": user} for message in messages])


def choose(page: Page, segment: str) -> None:
    page.get_by_role("combobox", name="Segment").select_option(segment)


@pytest.fixture(scope="module")
def quick(daemon: Daemon) -> int:
    """A segment whose windows are short."""
    on = {"type": "inaction", "did": {"event": "Add To Cart"}, "did_not": {"event": "Purchase"}, "within": "1s"}
    return daemon.make({"name": "Left at once", "kind": "live", "on": on})


def test_a_user_is_found_by_the_beginning_of_an_email(daemon: Daemon, open_page: Open):
    post(daemon, "found-1", identify("zora.found@example.org"))
    page = open_page(daemon.url + "/users")
    page.get_by_role("searchbox").press_sequentially("zora.fo")
    page.get_by_role("link", name=re.compile("zora.found@example.org")).click()
    expect(page.get_by_role("heading", name="zora.found@example.org", level=1)).to_be_visible()
    expect(page.locator(".traits")).to_contain_text("Wien")
    page.get_by_role("link", name="Users").last.click()
    page.get_by_role("searchbox").fill("nobody is called so")
    expect(page.get_by_text("Nobody found")).to_be_visible()


def test_the_timeline_tells_what_each_event_caused(daemon: Daemon, open_page: Open, quick: int):
    post(daemon, "told-1", identify("told@example.org"), CART)
    while "Left at once" not in [one["name"] for one in daemon.ask("GET", "/user?id=told-1")["segments"]]:
        time.sleep(0.1)
    page = open_page(daemon.url + "/users/told-1")
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.locator(".timeline-row", has_text="Traits changed")).to_be_visible()
    expect(timeline.locator(".timeline-row", has_text="Qualified")).to_contain_text("opened the window")
    expect(timeline.locator(".timeline-row", has_text="Add To Cart").last).to_contain_text("due")
    expect(page.locator(".in-segments")).to_contain_text("Left at once")
    expect(page.locator(".why")).to_contain_text("Qualified")
    timeline.get_by_role("combobox", name="Events shown").select_option("Add To Cart")
    expect(timeline.locator(".timeline-row", has_text="Traits changed")).to_have_count(0)
    timeline.get_by_role("link", name=re.compile("Left at once")).click()
    expect(page.get_by_role("heading", name="Left at once", level=1)).to_be_visible()


def test_why_not_names_what_is_missing_and_links_the_event(daemon: Daemon, open_page: Open):
    post(daemon, "why-1", CART, BOUGHT)
    page = open_page(daemon.url + "/users/why-1")
    choose(page, "Frequent buyers")
    why = page.locator(".why")
    expect(why).to_contain_text("Not a member")
    expect(why.locator(".why-line")).to_contain_text("at least 3 times")
    expect(why.locator(".why-line")).to_contain_text("1 of 3")
    why.locator(".why-event").last.click()
    row = page.locator(".timeline-row", has_text="Purchase")
    expect(row).to_be_focused()
    expect(page).to_have_url(re.compile(r"segment=\d+"))
    page.reload()
    expect(why).to_contain_text("1 of 3")
    choose(page, "Added to cart, no purchase in 10 min")
    expect(why.get_by_role("img", name=re.compile("closed the window"))).to_be_visible()


def test_older_events_are_shown_when_asked_for(daemon: Daemon, open_page: Open):
    post(daemon, "long-1", *([CART, BOUGHT] * 40))
    page = open_page(daemon.url + "/users/long-1")
    expect(page.locator(".timeline-row")).to_have_count(50)
    page.get_by_role("button", name="Show older events").click()
    expect(page.locator(".timeline-row")).to_have_count(80)
    expect(page.get_by_role("button", name="Show older events")).to_have_count(0)


def test_ids_hold_any_character(daemon: Daemon, open_page: Open):
    id = "a/b?c=d&e#f%g é\"'"
    post(daemon, id, identify("strange@example.org"))
    page = open_page(daemon.url + "/users?search=strange")
    page.get_by_role("link", name=re.compile("strange@example.org")).click()
    expect(page.locator(".user-id")).to_have_text(id)
    page.reload()
    expect(page.locator(".user-id")).to_have_text(id)


def test_an_anonymous_visitor_has_a_page_too(daemon: Daemon, open_page: Open):
    daemon.post([{"type": "track", "event": "Purchase", "anonymousId": "device-9", "properties": {"amount": 1}}])
    page = open_page(daemon.url + "/users/device-9?anonymous=true")
    expect(page.get_by_role("heading", name="device-9", level=1)).to_be_visible()
    expect(page.locator(".page-head")).to_contain_text("anonymous")


def test_forgetting_asks_and_starts_on_what_keeps(daemon: Daemon, open_page: Open):
    post(daemon, "gone-1", identify("gone@example.org"), CART)
    page = open_page(daemon.url + "/users/gone-1")
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Forget this person").click()
    expect(page.get_by_role("button", name="Keep them")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Forget this person").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget this person").click()
    expect(page.get_by_role("status").filter(has_text="gone@example.org is forgotten")).to_be_visible()
    assert daemon.ask("GET", "/users?search=gone-1") == {"users": []}


def test_all_that_is_kept_can_be_downloaded(daemon: Daemon, open_page: Open):
    post(daemon, "kept-1", identify("kept@example.org"), CART)
    page = open_page(daemon.url + "/users/kept-1")
    page.get_by_role("button", name="More", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download all that is kept").click()
    kept = json.loads(download.value.path().read_text())
    assert (kept["id"], len(kept["events"])) == ("kept-1", 2)
