"""The dashboard's files as browsers get them."""

import gzip
import re

import httpx
import pytest
from quart_trio import QuartTrio
from serving import Nobody

from segd.web.api.application import make_site
from segd.web.auth import Guard
from segd.web.pages import PLACES, STATIC, make_pages

MOST_GZIPPED = 150_000  # bytes of scripts and styles, all together


@pytest.fixture
def browser():
    site = QuartTrio("site", static_folder=None)
    site.register_blueprint(make_pages())
    return site.test_client()


async def script(browser) -> str:
    page = await (await browser.get("/")).get_data(as_text=True)
    found = re.search(r'<script type="module" src="([^"]+)">', page)
    assert found
    return found[1]


@pytest.mark.parametrize("path", ["/", "/segments", "/segments/3/edit", "/users/a%2Fb", "/live", "/settings", "/login"])
async def test_every_view_is_the_same_page(browser, path):
    answer = await browser.get(path)
    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    assert await answer.get_data() == await (await browser.get("/")).get_data()


def test_every_route_is_served():
    paths = re.findall(r'path: "/([^/"]*)', (STATIC / "routes.js").read_text("utf-8"))
    assert {path for path in paths if path} == set(PLACES)


async def test_the_page_allows_no_inline_script_or_style(browser):
    answer = await browser.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    page = await answer.get_data(as_text=True)
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", page)


async def test_every_answer_is_guarded_against_being_read_as_something_else(browser):
    for path in ("/", await script(browser)):
        answer = await browser.get(path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("cookie", "written"), [("dark", ' data-theme="dark"'), ("light", ' data-theme="light"'), ('"><b', "")]
)
async def test_the_chosen_theme_is_in_the_first_paint(browser, cookie, written):
    browser.set_cookie("localhost", "theme", cookie)
    page = await (await browser.get("/")).get_data(as_text=True)
    assert f'<html lang="en"{written}>' in page


async def test_files_are_kept_for_ever_under_their_own_address_alone(browser):
    path = await script(browser)
    assert "immutable" in (await browser.get(path)).headers["Cache-Control"]
    older = await browser.get(re.sub("/static/[^/]+/", "/static/older/", path))
    assert older.status_code == 200
    assert older.headers["Cache-Control"] == "no-cache"


async def test_a_file_that_is_known_is_not_sent_again(browser):
    path = await script(browser)
    etag = (await browser.get(path)).headers["ETag"]
    again = await browser.get(path, headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert await again.get_data() == b""


async def test_files_are_compressed_for_who_takes_that(browser):
    path = re.sub("[^/]+$", "vendor/uplot.js", await script(browser))
    plain = await browser.get(path)
    packed = await browser.get(path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(await packed.get_data()) == await plain.get_data()


@pytest.mark.parametrize("path", ["/static/x/nothing.js", "/static/x/../pages.py", "/elsewhere"])
async def test_nothing_else_is_served(browser, path):
    assert (await browser.get(path)).status_code != 200


async def test_a_file_that_is_none_is_told_whatever_its_path():
    site = make_site([], Guard(Nobody(), listening="127.0.0.1"), pages=[make_pages()])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://localhost") as client:
        answer = await client.get("/static/x/a%2Fb.js")
        assert answer.status_code == 404
        assert answer.json()["message"] == "there is nothing at /static/x/a/b.js"


async def test_scripts_and_styles_are_small(browser):
    page = await (await browser.get("/")).get_data(as_text=True)
    sent = set(re.findall(r'(?:href|src)="(/static/[^"]+\.(?:js|css))"', page))
    assert len(sent) > 1
    sizes = [len(await (await browser.get(path, headers={"Accept-Encoding": "gzip"})).get_data()) for path in sent]
    assert sum(sizes) < MOST_GZIPPED


async def test_comments_stay_here(browser):
    path = await script(browser)
    for name in ("main.js", "base/api.js", "connect.js"):
        sent = await (await browser.get(path.replace("main.js", name))).get_data(as_text=True)
        kept = (STATIC / name).read_text("utf-8")
        assert not re.search(r"^ *(//|/?\*)", sent, re.MULTILINE)
        code = [line for line in kept.splitlines() if not re.match(r" *(//|/?\*)", line)]
        assert sent.splitlines() == code
    styles = await (await browser.get(path.replace("main.js", "styles.css"))).get_data(as_text=True)
    assert not re.search(r"^ */\*", styles, re.MULTILINE)
    assert styles.count("box-sizing: border-box") > 1


def test_modules_reach_one_another_by_relative_paths_that_exist():
    imports = re.compile(
        r'^(?:import|export|})[^;]*? from "([^"]+)";$|^import "([^"]+)";$|\bimport\("([^"]+)"\)', re.MULTILINE
    )
    for path in STATIC.rglob("*.js"):
        for found in imports.findall(path.read_text("utf-8")):
            assert (path.parent / "".join(found)).is_file(), f"{path.name} imports {found}"


def test_licences_stand_beside_the_code_of_others():
    table = (STATIC / "vendor" / "README.md").read_text("utf-8")
    for path in (STATIC / "vendor").iterdir():
        if path.suffix in (".js", ".css"):
            assert f"`{path.name}`" in table
    for licence in re.findall(r"`(licences/[^`]+)`", table):
        assert (STATIC / "vendor" / licence).is_file()


def test_colours_stand_in_one_file():
    literal = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}\b|\brgba?\(\s*\d")
    for path in [*STATIC.glob("css/*.css"), *STATIC.rglob("*.js")]:
        if path.name != "tokens.css" and "vendor" not in path.parts:
            assert not literal.search(path.read_text("utf-8")), path.name
