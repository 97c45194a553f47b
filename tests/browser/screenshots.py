"""`python -m tests.browser.screenshots [VIEW…]`: pictures of every view, wide and narrow, light and dark, in
dist/screenshots, of a daemon on a database of its own with an invented shop. `readme` instead of a view: those that the
README shows, in tests/browser/pictures."""

import sys
import tempfile
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.chromium import chromium
from tests.browser.daemon import Daemon, bring_in, config, serving
from tests.browser.shop import SEGMENTS, Shop, lines

FOLDER = Path(__file__).parents[2] / "dist" / "screenshots"
PICTURES = Path(__file__).parent / "pictures"
IN_README = {"live-report": "report-live", "editor": "editor-filter"}
CUSTOMERS = 900
WIDE = (1440, 900)
NARROW = (390, 844)
STREAM_MILLISECONDS = 25_000  # for a live view to have something to show
SETTLED_MILLISECONDS = 1_500
PATIENCE_MILLISECONDS = 60_000
STEP_SECONDS = 0.25
STEPS_A_VISIT = 1
WARM_UP_SECONDS = 60  # for members to be counted
CART = "Added to cart, no purchase in 10 min"
ENOUGH = 40  # who qualified for it, until there is something to see


def main(only: list[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    shop = Shop(CUSTOMERS)
    with tempfile.TemporaryDirectory(prefix="segd-pictures-") as folder:
        file = Path(folder) / "segd.toml"
        file.write_text(config(None))
        arguments = ("--config", file, "--state-dir", Path(folder) / "state")
        print("making history")
        bring_in(lines(shop.history(datetime.now(UTC) - timedelta(minutes=30))), *arguments)
        with serving(*arguments) as daemon, chromium() as browser, _acting(daemon, shop):
            numbers = {definition["name"]: daemon.make(definition) for definition in SEGMENTS}
            print("warming up")
            time.sleep(WARM_UP_SECONDS)
            _wait_for_qualified(daemon, numbers[CART], ENOUGH)
            for name, path in views(daemon, numbers).items():
                if not only or name in only:
                    _take(browser, daemon.url + path, name)
            if "readme" in only:
                for name, view in IN_README.items():
                    page = _page(browser, WIDE, "light", 1)
                    _show(page, daemon.url + views(daemon, numbers)[view], view, STREAM_MILLISECONDS)
                    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
                    page.context.close()


def views(daemon: Daemon, numbers: Mapping[str, int]) -> dict[str, str]:
    """Path by name of the picture."""
    cart = numbers[CART]
    buyers = numbers["Frequent buyers"]
    user = daemon.ask("GET", f"/segments/{buyers}/members?perPage=1")["members"][0]["id"]
    return {
        "segments": "/segments",
        "segments-none-found": "/segments?q=nothing+like+it",
        "choose": "/segments/new",
        "editor-inaction": "/segments/new/inaction",
        "editor-past": f"/segments/{numbers['High spenders gone quiet']}/edit",
        "editor-filter": f"/segments/{numbers['Platinum, stalled at checkout']}/edit",
        "report-live": f"/segments/{cart}",
        "report-past": f"/segments/{buyers}",
        "live": "/live",
        "connect": "/live/connect",
        "users": "/users",
        "user": f"/users/{user}?segment={cart}",
        "settings": "/settings",
        "login": "/login",
        "nowhere": "/segments/999999",
    }


def _wait_for_qualified(daemon: Daemon, segment: int, count: int) -> None:
    while daemon.ask("GET", f"/segments/{segment}/report")["rate"]["lastHour"] < count:
        time.sleep(STEP_SECONDS)


def _take(browser: Browser, url: str, name: str) -> None:
    for theme in ("light", "dark"):
        for size, measures, scale in (("wide", WIDE, 1.5), ("narrow", NARROW, 2)):
            page = _page(browser, measures, theme, scale)
            lively = name in ("report-live", "live") and theme == "light"
            _show(page, url, f"{name}-{size}-{theme}", STREAM_MILLISECONDS if lively else SETTLED_MILLISECONDS)
            page.screenshot(path=FOLDER / f"{name}-{size}-{theme}.png", full_page=True)
            page.context.close()
    print(name)


def _page(browser: Browser, measures: tuple[int, int], theme: Literal["light", "dark"], scale: float) -> Page:
    width, height = measures
    viewport: ViewportSize = {"width": width, "height": height}
    return browser.new_context(viewport=viewport, color_scheme=theme, device_scale_factor=scale).new_page()


def _show(page: Page, url: str, name: str, milliseconds: int) -> None:
    """Until all answers are there, and at least so long. What is said on the console, or is too wide, is told."""
    _listen(page, name)
    page.goto(url)
    page.wait_for_timeout(milliseconds)
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=PATIENCE_MILLISECONDS)
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if wide > 0:
        print(f"{name}: {wide} pixels too wide")


def _listen(page: Page, name: str) -> None:
    page.on("console", lambda message: print(f"{name}: {message.type}: {message.text} {message.location.get('url')}"))
    page.on("pageerror", lambda error: print(f"{name}: {error}"))


@contextmanager
def _acting(daemon: Daemon, shop: Shop) -> Generator[None]:
    """Customers come and go in the block."""
    stop = threading.Event()
    thread = threading.Thread(target=_act, args=(daemon, shop, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _act(daemon: Daemon, shop: Shop, stop: threading.Event) -> None:
    """Every other visit is told late, as by a phone that was offline, so that windows of 10 minutes come due soon."""
    waiting: list[dict[str, Any]] = []
    for number in count():
        if stop.wait(STEP_SECONDS):
            return
        now = datetime.now(UTC)
        if number % STEPS_A_VISIT == 0:
            late = number // STEPS_A_VISIT % 4
            waiting += shop.visit(now - timedelta(seconds=595 if late else 100), now)
        due = [message for message in waiting if message["timestamp"] <= now.isoformat()]
        waiting = [message for message in waiting if message not in due]
        if due:
            daemon.post(due)


if __name__ == "__main__":
    main(sys.argv[1:])
