"""A browser, a daemon with a shop's history, and pages that must stay silent."""

from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="needs playwright")

from databases import database, name_of
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from browser.chromium import chromium, path
from browser.daemon import Daemon, bring_in, config, serving
from browser.shop import SEGMENTS, Shop, lines

CUSTOMERS = 60
PATIENCE_MILLISECONDS = 30_000  # a busy machine is slow, and that is no failure

# What browsers say by themselves when the daemon is away, which is nobody's mistake.
AWAY = ("net::ERR_", "WebSocket connection to", "status of 503")

REFUSED = ("the server responded with a status of 4", "WebSocket connection to")

expect.set_options(timeout=PATIENCE_MILLISECONDS)

Open = Callable[..., Page]


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


@pytest.fixture
def open_page(browser: Browser) -> Generator[Open]:
    """Opens pages, all of which must have left the console empty at the end. away: the daemon goes away meanwhile;
    refused: it refuses something: the browser says so by itself."""
    contexts = []
    said: list[str] = []

    def listen(page: Page, passed_over: tuple[str, ...]) -> None:
        def hear(message: ConsoleMessage) -> None:
            if not any(words in message.text for words in passed_over):
                said.append(f"{message.type}: {message.text}")

        page.on("console", hear)
        page.on("pageerror", lambda error: said.append(str(error)))

    def open_one(
        url: str, *, away: bool = False, refused: bool = False, theme: str = "light", width: int = 1440
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        listen(page, (AWAY if away else ()) + (REFUSED if refused else ()))
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert said == []
