"""The demo's shop in a browser: what its visitor does is what segd hears of, with nothing said on the console."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from demo import Demo, opened
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Open


@pytest.fixture(scope="module")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Generator[Demo]:
    folder: Path = tmp_path_factory.mktemp("demo")
    with opened(folder) as demo:
        yield demo


def follow_visitor(page: Page, demo: Demo, open_page: Open) -> Page:
    """The visitor's page in the dashboard, once segd knows who that is."""
    who = page.locator("#who")
    expect(who).not_to_have_text("somebody")
    return open_page(demo.url + str(who.get_attribute("href")))


def test_a_visitor_qualifies_by_looking_buying_and_coming_from_elsewhere(demo: Demo, open_page: Open):
    page = open_page(f"{demo.url}/shop")
    for name in ("Morning mug", "Desk lamp", "City bicycle"):
        with page.expect_response("**/v1/t"):
            page.get_by_role("link", name=re.compile(name)).click()
        page.get_by_role("link", name="Corner Shop").click()
    page.get_by_role("link", name="Come in from a magazine").click()
    with page.expect_response("**/v1/p"):
        page.get_by_role("link", name="Visit the Corner Shop").click()
    page.get_by_role("link", name=re.compile("City bicycle")).click()
    with page.expect_response("**/v1/t"):
        page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("#count")).to_have_text("1")
    page.locator("#email").fill("visitor@example.com")
    with page.expect_response("**/v1/i"):
        page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#who")).to_have_text("visitor@example.com")
    page.get_by_role("link", name=re.compile("Cart")).first.click()
    with page.expect_response("**/v1/t"):
        page.get_by_role("button", name="Buy").click()
    expect(page.locator("#said")).to_contain_text("Thank you")
    user = follow_visitor(page, demo, open_page)
    for segment in ("Big first order", "Opened three products", "Came from another site"):
        expect(user.get_by_text(segment).first).to_be_visible()


def test_every_page_fits_a_telephone(demo: Demo, open_page: Open):
    page = open_page(demo.url + "/shop", width=360)
    for path in ("/shop", "/shop/product/headphones", "/shop/cart", "/shop/magazine", "/shop/campaign"):
        page.goto(demo.url + path)
        expect(page.get_by_role("heading").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path


def test_being_somebody_new_begins_anew(demo: Demo, open_page: Open):
    page = open_page(f"{demo.url}/shop/product/mug")
    page.get_by_role("button", name="Add to cart").click()
    who = page.locator("#who")
    expect(who).to_have_text(re.compile("^visitor "))
    before = who.text_content()
    page.get_by_role("button", name="Be somebody new").click()
    expect(who).not_to_have_text(str(before))
    expect(page.locator("#count")).to_have_text("0")


def test_the_dashboard_of_the_demo_shows_the_way_to_the_shop(demo: Demo, open_page: Open):
    page = open_page(f"{demo.url}/segments")
    link = page.get_by_role("link", name="Visit the shop")
    expect(link).to_have_attribute("href", "/shop")
    expect(link).to_have_attribute("target", "_blank")


def test_the_reports_of_the_demo_lead_to_a_tool_that_knows_the_segment(demo: Demo, open_page: Open):
    page = open_page(f"{demo.url}/segments/Big first order")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="E-mail campaign").click()
    expect(opened.value.get_by_role("heading", name="New E-mail campaign")).to_be_visible()
    expect(opened.value.get_by_role("main")).to_contain_text("“Big first order”")
