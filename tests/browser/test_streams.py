"""What comes by itself: events, the first one, qualifications; and a daemon that goes away and returns."""

import re
import socket
import time
from collections.abc import Generator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from databases import database
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from browser.conftest import Open, told
from browser.daemon import Daemon, serving

CART: dict[str, Any] = {
    "name": "Cart left",
    "kind": "live",
    "on": {"type": "inaction", "did": {"event": "Add To Cart"}, "did_not": {"event": "Purchase"}, "within": "1s"},
}
_numbers = count()


@pytest.fixture(scope="module")
def daemon(
    browser: Browser, postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Daemon]:
    """Empty, with a segment."""
    with database(postgres, template) as dsn, serving(*told(tmp_path_factory.mktemp("daemon"), dsn)) as daemon:
        daemon.make(CART)
        yield daemon


def event(name: str, user: str, at: datetime | None = None, **properties: object) -> dict[str, object]:
    """at: when it happened; now without."""
    timestamp = (at or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    number = next(_numbers)
    message = {"type": "track", "event": name, "userId": user, "timestamp": timestamp, "messageId": f"stream-{number}"}
    return message | {"properties": properties}


def qualify(daemon: Daemon, user: str, **properties: object) -> datetime:
    """Leave a cart, which qualifies in a few seconds. When that was."""
    at = datetime.now(UTC)
    daemon.post([event("Add To Cart", user, at, **properties)])
    return at


def feed(page: Page) -> list[str]:
    return page.locator(".feed-row .who").all_inner_texts()


def listening(page: Page) -> None:
    """Until the feed is heard of: what was posted before could be missed."""
    expect(page.locator(".right-now")).to_contain_text("live")


def test_events_show_as_they_come(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/live")
    listening(page)
    daemon.post([event("View Product", "ann")])
    expect(page.locator(".feed-row", has_text="View Product").first).to_contain_text("ann")


def test_who_is_told_of_twice_is_shown_once(daemon: Daemon, open_page: Open):
    """As where somebody qualifies while the feed is opened."""

    def connect(to_page: WebSocketRoute) -> None:
        def tell(message: str | bytes) -> None:
            to_page.send(message)
            if '"qualified"' in str(message):
                to_page.send(message)

        to_page.connect_to_server().on_message(tell)

    page = open_page(daemon.url + "/live")
    page.route_web_socket(re.compile("/segments/1/live"), connect)
    page.goto(daemon.url + "/segments/1")
    listening(page)
    for user in ("told twice", "and another"):
        qualify(daemon, user)
        expect(page.locator(".feed-row .who", has_text=user).first).to_be_visible()
    assert feed(page)[:2] == ["and another", "told twice"]


def test_the_page_of_snippets_tells_the_first_event(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/live/connect")
    waiting = page.locator(".waiting")
    expect(waiting).to_have_text("Waiting for the first event")
    for _ in range(30):  # the feed may not be open yet
        daemon.post([event("Add To Cart", "bob")])
        if "arrived" in (waiting.get_attribute("class") or ""):
            break
        page.wait_for_timeout(300)
    expect(waiting).to_have_text(re.compile("First event: Add To Cart, "))
    for sdk in ("Python", "Node", "Browser"):
        page.get_by_role("radio", name=sdk).check(force=True)
        expect(page.locator(".snippet")).to_contain_text(daemon.url)
        expect(page.locator(".snippet")).to_contain_text("browser")


def test_a_qualification_shows_without_a_reload(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/segments/1")
    listening(page)
    qualify(daemon, "carla")
    expect(page.locator(".feed-row .who", has_text="carla")).to_be_visible()
    expect(page.locator(".figure .value").first).not_to_have_text("0")
    expect(page.locator(".page-head")).to_contain_text(re.compile(r"last qualified \d+ s ago"))
    page.get_by_role("link", name="Segments").first.click()
    expect(page.get_by_role("row", name=re.compile("Cart left"))).to_contain_text(re.compile(r"last \d+ s ago"))


def test_who_is_inside_a_window_is_counted(daemon: Daemon, open_page: Open):
    number = daemon.make(CART | {"name": "Cart left for long", "on": CART["on"] | {"within": "30m"}})
    daemon.post([event("Add To Cart", user) for user in ("ida", "ida", "ines")])
    while daemon.ask("GET", f"/segments/{number}/report")["waiting"]["users"] < 2:
        time.sleep(0.1)
    page = open_page(f"{daemon.url}/segments/{number}")
    inside = page.locator(".figure", has_text="Inside the window now")
    expect(inside.locator(".value")).to_have_text("2")
    expect(inside).to_contain_text(re.compile(r"next one is due in \d+ min"))


def test_a_row_says_what_the_user_did(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/segments/1")
    listening(page)
    qualify(daemon, "cleo", price=49.9, currency="EUR", product="Kettle", session="0c6bc7a5-39cb-4e9b-8d9d-4f6d3a0a")
    said = page.locator(".feed-row", has_text="cleo").locator(".why")
    expect(said).to_have_text(re.compile(r"^Add To Cart \d\d:\d\d:\d\d · Kettle · €49\.90$"))
    page.reload()
    expect(said).to_have_text(re.compile(r"^Add To Cart \d\d:\d\d:\d\d · Kettle · €49\.90$"))
    share = page.locator(".figure", has_text="Of users who did Add To Cart")
    expect(share).to_contain_text(re.compile(r"\d+ of \d+, since"))


def test_the_panels_begin_with_the_last_minutes(daemon: Daemon, open_page: Open):
    first = open_page(daemon.url + "/live")
    listening(first)
    daemon.post([event("View Product", "ann") for _ in range(40)])
    expect(first.locator(".feed-row", has_text="View Product").first).to_be_visible()
    first.wait_for_timeout(1500)  # for that second to be over
    for path, head in (("/live", "Events"), ("/segments/1", "Qualifying")):
        page = open_page(daemon.url + path)
        rows = page.locator(".plot table", has_text=head).locator("tbody tr")
        expect(rows).not_to_have_count(0)
        expect(rows.nth(2)).to_be_attached()


def test_nothing_moves_under_the_pointer(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/segments/1")
    listening(page)
    qualify(daemon, "dora")
    expect(page.locator(".feed-row .who", has_text="dora")).to_be_visible()
    page.locator(".feed-row").first.hover()
    shown, place = feed(page), page.locator(".feed-row").first.bounding_box()
    qualify(daemon, "emil")
    pill = page.get_by_role("button", name="1 new, show")
    expect(pill).to_be_visible()
    assert feed(page) == shown
    assert page.locator(".feed-row").first.bounding_box() == place
    pill.click()
    expect(page.locator(".feed-row .who").first).to_have_text("emil")


def test_a_paused_feed_waits(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/segments/1")
    listening(page)
    button = page.locator(".feed-card").get_by_role("button", name="Pause")
    button.click()
    page.mouse.move(5, 5)
    qualify(daemon, "fritz")
    expect(page.get_by_role("button", name="1 new, show")).to_be_visible()
    page.locator(".feed-card").get_by_role("button", name="Resume").click()
    expect(page.locator(".feed-row .who", has_text="fritz")).to_be_visible()


def test_what_arrives_late_is_shown_as_retracted_where_it_stood(daemon: Daemon, open_page: Open):
    page = open_page(daemon.url + "/segments/1")
    listening(page)
    at = qualify(daemon, "gerda")
    row = page.locator(".feed-row", has_text="gerda")
    expect(row).to_be_visible()
    daemon.post([event("Purchase", "gerda", at)])
    expect(row.get_by_text("Retracted")).to_be_visible()
    expect(row).to_have_count(1)


def test_a_daemon_that_comes_back_is_met_again(dsn: str, open_page: Open, tmp_path: Path):
    """By the same address."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    arguments = (*told(tmp_path, dsn), "--listen", f"127.0.0.1:{port}")
    with serving(*arguments) as daemon:
        daemon.make(CART)
        page = open_page(daemon.url + "/segments/1", away=True)
        listening(page)
        other = open_page(daemon.url + "/segments", away=True)
        expect(other.get_by_role("link", name="Cart left")).to_be_visible()
        users = open_page(daemon.url + "/users", away=True)
        expect(users.get_by_text("Find a user")).to_be_visible()
    away = "segd cannot be reached. What is shown may be old, and comes up to date by itself."
    expect(page.get_by_text(re.compile("Offline since")).first).to_be_visible()
    expect(page.get_by_text(away)).to_have_count(0)
    expect(other.get_by_text(away)).to_be_visible()
    expect(other.get_by_role("link", name="Cart left")).to_be_visible()
    users.get_by_role("searchbox").fill("heidi")
    expect(users.get_by_text(away)).to_be_visible()
    expect(users.get_by_text("Nobody found")).to_have_count(0)
    with serving(*arguments) as daemon:
        expect(page.get_by_text("Back, nothing was missed").first).to_be_visible()
        expect(other.get_by_text(away)).to_have_count(0)
        listening(page)
        qualify(daemon, "heidi")
        expect(page.locator(".feed-row .who", has_text="heidi")).to_be_visible()
        users.get_by_role("searchbox").fill("hei")
        expect(users.get_by_role("link", name="heidi")).to_be_visible()
