"""A browser, a daemon with a shop's history, and pages that must stay silent."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

pytest.importorskip("playwright", reason="needs playwright")

from databases import database, name_of
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from browser.chromium import chromium, path
from browser.daemon import Daemon, bring_in, config, serving
from browser.shop import SEGMENTS, Shop, lines

CUSTOMERS = 60
PATIENCE_MILLISECONDS = 30_000  # a busy machine is slow, and that is no failure

# What browsers say by themselves when the daemon is away, which is nobody's mistake.
AWAY = ("net::ERR_", "WebSocket connection to", "status of 503")

REFUSED = ("the server responded with a status of 4", "WebSocket connection to")

expect.set_options(timeout=PATIENCE_MILLISECONDS)

HEIGHT = 900  # of a page

Open = Callable[..., Page]
Theme = Literal["light", "dark"]


@pytest.fixture(scope="session")
def installed() -> None:
    """For tests that take a browser."""
    if path() is None:
        pytest.skip("needs Chromium, and there is none on this machine")


@pytest.fixture(scope="module")
def browser(installed: None) -> Generator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop(CUSTOMERS)


@pytest.fixture(scope="session")
def history(
    installed: None, shop: Shop, postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Generator[str]:
    """The name of a database with three weeks of the shop's history, and nobody connected to it."""
    with database(postgres, template) as dsn:
        arguments = told(tmp_path_factory.mktemp("history"), dsn)
        bring_in(lines(shop.history(datetime.now(UTC) - timedelta(hours=3))), *arguments)
        yield name_of(dsn)


@pytest.fixture(scope="module")
def daemon(
    browser: Browser, history: str, postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Daemon]:
    """With that history, and the shop's segments."""
    with database(postgres, history) as dsn, serving(*told(tmp_path_factory.mktemp("daemon"), dsn)) as daemon:
        for definition in SEGMENTS:
            daemon.make(definition)
        yield daemon


def told(folder: Path, dsn: str) -> tuple[object, ...]:
    """Arguments of a daemon on that database."""
    file = folder / "segd.toml"
    file.write_text(config(dsn))
    return "--config", file, "--state-dir", folder / "state"


@pytest.fixture(scope="module")
def context(browser: Browser) -> Generator[BrowserContext]:
    """What the tests of a module share: it has loaded the dashboard's files once."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    yield context
    context.close()


@pytest.fixture
def open_page(context: BrowserContext) -> Generator[Open]:
    """Opens pages, in a browser that remembers nothing of another test."""
    with silent(context) as open_one:
        yield open_one
        for page in context.pages:
            page.evaluate("localStorage.clear()")
            page.close()
        context.clear_cookies()


@contextmanager
def silent(context: BrowserContext) -> Generator[Open]:
    """Opens pages, all of which must have left the console empty at the end. away: the daemon goes away meanwhile;
    refused: it refuses something: the browser says so by itself."""
    said: list[str] = []

    def listen(page: Page, passed_over: tuple[str, ...]) -> None:
        def hear(message: ConsoleMessage) -> None:
            if not any(words in message.text for words in passed_over):
                said.append(f"{message.type}: {message.text}")

        page.on("console", hear)
        page.on("pageerror", lambda error: said.append(str(error)))

    def open_one(
        url: str, *, away: bool = False, refused: bool = False, theme: Theme = "light", width: int = 1440
    ) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=theme)
        listen(page, (AWAY if away else ()) + (REFUSED if refused else ()))
        page.goto(url)
        return page

    yield open_one
    assert said == []
