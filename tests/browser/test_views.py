"""Every view, as whoever uses it meets it: readable by everybody, silent, at any width, by keyboard alone."""

from collections.abc import Generator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.conftest import HEIGHT, Open, Theme, silent
from browser.daemon import Daemon
from browser.shop import Shop

pytest.importorskip("axe_playwright_python", reason="needs axe-core")
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")

# Path of each view, with somebody for `{user}`, and a text that is there once it is drawn.
VIEWS = {
    "segments": ("/segments", "Frequent buyers"),
    "none found": ("/segments?q=nothing+like+it", "Show all"),
    "choose": ("/segments/new", "Single action"),
    "editor": ("/segments/new/inaction", "within"),
    "editor of one": ("/segments/6/edit", "Counted over all users"),
    "live report": ("/segments/1", "Right now"),
    "past report": ("/segments/6", "Members per day"),
    "live": ("/live", "Top events"),
    "connect": ("/live/connect", "Write key"),
    "users": ("/users", "Users"),
    "one user": ("/users/{user}?segment=1", "Timeline"),
    "settings": ("/settings", "API tokens"),
    "login": ("/login", "API token"),
    "nowhere": ("/live/nowhere", "Nothing is here"),
}


LOOKS: tuple[tuple[int, Theme], ...] = ((1440, "light"), (1440, "dark"), (390, "light"))


def violations(page: Page) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate("axe.run()")
    return [
        f"{violation['id']}: {violation['help']}: {[node['html'][:200] for node in violation['nodes'][:3]]}"
        for violation in found["violations"]
    ]


@pytest.fixture(scope="module")
def page(context: BrowserContext, daemon: Daemon) -> Generator[Page]:
    """One for all views, which must have left the console empty at the end."""
    with silent(context) as open_one:
        page = open_one(daemon.url)
        yield page
        page.close()


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_in_either_theme_and_nothing_is_too_wide(daemon: Daemon, shop: Shop, page: Page, view: str):
    path, text = VIEWS[view]
    page.set_viewport_size({"width": 390, "height": HEIGHT})
    page.goto(daemon.url + path.format(user=shop.customers[0]["userId"]))
    expect(page.get_by_text(text).first).to_be_attached()
    for width in (390, 800, 1440):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
    expect(page.get_by_text(text).first).to_be_visible()
    for width, theme in LOOKS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=theme)
        settle(page)
        assert violations(page) == [], (width, theme)


def settle(page: Page) -> None:
    """Until colours have changed, which takes a moment."""
    page.wait_for_timeout(250)


def test_the_theme_stays_chosen(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/settings")
    page.get_by_label("Dark").check(force=True)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_label("Dark")).to_be_checked()


def test_places_are_reached_by_keys(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/segments")
    expect(page.get_by_role("link", name="Frequent buyers")).to_be_visible()
    for keys, heading in (("gl", "Live"), ("gu", "Users"), ("ge", "Settings"), ("gs", "Segments")):
        page.keyboard.press(keys[0])
        page.keyboard.press(keys[1])
        expect(page.get_by_role("heading", name=heading, exact=True, level=1)).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("n?")
    expect(page).to_have_url(daemon.url + "/segments?q=n%3F")
    page.get_by_role("searchbox").fill("")
    page.keyboard.press("Tab")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_webhook_without_an_address_is_refused_at_its_field(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/settings?segment=1#webhooks", refused=True)
    page.get_by_label("Address to post to").fill("not an address")
    page.once("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog"):
        page.evaluate("void setTimeout(() => location.reload())")
    expect(page.get_by_label("Address to post to")).to_have_value("not an address")
    page.get_by_role("button", name="Add webhook").click()
    expect(page.locator(".wrong")).to_be_visible()
    page.get_by_label("Address to post to").fill("https://example.com/hook")
    page.get_by_role("button", name="Add webhook").click()
    expect(page.get_by_role("dialog", name="The webhook is on")).to_be_visible()
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#webhooks tbody tr")).to_have_count(1)
    expect(page.locator("#webhooks")).to_contain_text("https://example.com/hook")


def test_the_first_token_shuts_the_door_behind_who_made_it(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/settings", refused=True)
    page.get_by_role("button", name="Token").click()
    page.get_by_label("What it is for").fill("Test")
    page.get_by_role("button", name="Make token").click()
    token = page.locator(".dialog-line code").inner_text()
    assert token
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("row", name="Test")).to_be_visible()
    page.context.clear_cookies()
    page = open_page(daemon.url + "/settings", refused=True)
    expect(page).to_have_url(daemon.url + "/login?next=%2Fsettings")
    page.get_by_label("API token").fill(token + "x")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(daemon.url + "/settings")
    row = page.get_by_role("row", name="Test")
    expect(row).to_be_visible()
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke token").click()
    expect(page.get_by_text("None. While there is none")).to_be_visible()
