"""Who may come in, and what a session that may only read is spared; links to other tools."""

import re
from collections.abc import Generator

import pytest
from databases import database
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Open, told
from browser.daemon import Daemon, serving

SEGMENT = {
    "name": "A & B, 100%",
    "kind": "live",
    "on": {"type": "action", "did": {"event": "Add To Cart"}},
}


@pytest.fixture(scope="module")
def secret() -> list[str]:
    """Of the token that may read, once it is made."""
    return []


@pytest.fixture(scope="module")
def daemon(
    browser: Browser, secret: list[str], postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Daemon]:
    """With a segment and a token, from a start at which there was the token."""
    folder = tmp_path_factory.mktemp("daemon")
    with database(postgres, template) as dsn:
        arguments = told(folder, dsn)
        with serving(*arguments) as daemon:
            assert daemon.dashboard == f"{daemon.url}/"
            daemon.make(SEGMENT)
            secret.append(daemon.ask("POST", "/tokens", {"name": "A reader", "scope": "read"})["secret"])
        with serving(*arguments) as daemon:
            yield daemon


def sign_in(page: Page, secret: str) -> None:
    page.get_by_label("API token").fill(secret)
    page.get_by_role("button", name="Sign in").click()


def test_the_link_of_the_start_lets_in_once(daemon: Daemon, open_page: Open):
    page = open_page(daemon.dashboard)
    expect(page.get_by_role("link", name="A & B, 100%")).to_be_visible()
    expect(page.get_by_role("link", name="Segment", exact=True)).to_be_visible()
    page.context.clear_cookies()
    page = open_page(daemon.dashboard)
    expect(page).to_have_url(re.compile("/login"))
    expect(page.get_by_text("This link was used already, or is from an earlier start of segd.")).to_be_visible()


def test_who_may_only_read_is_offered_nothing_else(daemon: Daemon, secret: list[str], open_page: Open):
    page = open_page(f"{daemon.url}/login")
    sign_in(page, secret[0])
    page.get_by_role("link", name="A & B, 100%").click()
    expect(page.get_by_role("heading", name="Do more with this segment")).to_be_visible()
    for name in ("Edit", "Pause"):
        expect(page.locator(".page-head").get_by_role("button", name=name)).to_have_count(0)
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_text("may only read")).to_be_visible()
    page.get_by_role("link", name="Segments").first.click()
    expect(page.get_by_role("link", name="A & B, 100%")).to_be_visible()
    expect(page.get_by_role("link", name="Segment", exact=True)).to_have_count(0)


def test_links_to_other_tools_name_the_segment(daemon: Daemon, secret: list[str], open_page: Open):
    page = open_page(f"{daemon.url}/login?next=/segments/1")
    sign_in(page, secret[0])
    link = page.get_by_role("link", name="Campaign")
    expect(link).to_have_attribute("href", "https://mail.example/new?list=A%20%26%20B%2C%20100%25&id=1")
    expect(link).to_have_attribute("target", "_blank")


def test_who_is_signed_out_while_typing_finds_it_again(daemon: Daemon, secret: list[str], open_page: Open):
    page = open_page(f"{daemon.url}/login?next=/segments/new/page_count", refused=True)
    sign_in(page, secret[0])
    page.get_by_label("how many pages").fill("23")
    page.context.clear_cookies()
    expect(page).to_have_url(re.compile("/login"))
    sign_in(page, secret[0])
    page.get_by_role("button", name="Bring it back").click()
    expect(page.get_by_label("how many pages")).to_have_value("23")
