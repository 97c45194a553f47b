"""The dashboard's files: one page for every view, and the modules, styles and pictures that it is made of.

There is no build: what lies in `static/` is what a browser gets, but that lines of comments stay here, the styles go as
one file, and all is compressed, once. Files go under a prefix made of what is in them, so that browsers may keep them
for ever, and modules reach one another by relative paths. An address with an older prefix, of a page opened before an
update, answers with what is there now.
"""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quart import Blueprint, Response, request

from segd.web.asgi import RequestError

STATIC: Final = Path(__file__).parent / "static"
# Paths of views, by their first segment; `routes.js` knows the rest.
PLACES: Final = ("segments", "live", "users", "settings", "login")
THEMES: Final = ("light", "dark")
A_YEAR: Final = 31_536_000

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_FIRST: Final = ("uplot", "tokens", "base", "shell", "parts")  # styles that the others refine
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_COMMENTS: Final = re.compile(r"^ *(?://|/\*|\*[ /]).*\n", re.MULTILINE)  # with lines of their own, as ours all are
_STYLE_COMMENTS: Final = re.compile(r"^ */\*.*\*/\n", re.MULTILINE)
_LEAST_COMPRESSED: Final = 500  # bytes; a smaller answer fits in one packet anyway


@dataclass(frozen=True)
class _File:
    content: bytes
    compressed: bytes | None
    content_type: str
    etag: str


def make_pages(directory: Path = STATIC) -> Blueprint:
    """Serves the dashboard at `/` and its files at `/static/`. The files are read once, here."""
    files = _read(directory)
    digest = hashlib.sha256("".join(f"{name} {file.etag} " for name, file in files.items()).encode()).hexdigest()[:16]
    page = _fill((directory / "index.html").read_text("utf-8"), f"/static/{digest}", files)
    pages = Blueprint("pages", __name__)

    async def show(rest: str = "") -> Response:
        theme = request.cookies.get("theme", "")
        mark = f' data-theme="{theme}"' if theme in THEMES else ""
        response = Response(page.replace("{theme}", mark), content_type="text/html; charset=utf-8")
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Vary"] = "Cookie"
        return _secured(response)

    async def send(prefix: str, name: str) -> Response:
        file = files.get(name)
        if file is None:
            raise RequestError("not_found", f"there is nothing at {request.path[:200]}")
        response = _answer(file)
        kept = f"public, max-age={A_YEAR}, immutable" if prefix == digest else "no-cache"
        response.headers["Cache-Control"] = kept
        return _secured(response)

    pages.add_url_rule("/", "index", show)
    for place in PLACES:
        pages.add_url_rule(f"/{place}", place, show)
        pages.add_url_rule(f"/{place}/<path:rest>", f"{place}-below", show)
    pages.add_url_rule("/static/<prefix>/<path:name>", "file", send)
    return pages


def _read(directory: Path) -> dict[str, _File]:
    """All that is served but the page itself, by path; the styles, in their order, as `styles.css`."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != "index.html")
    files: dict[str, _File] = {}
    styles = {path.stem: path.read_text("utf-8") for path in paths if path.suffix == ".css"}
    order = sorted(styles, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    styled = "\n".join(styles[name] for name in order)
    files["styles.css"] = _file("styles.css", _STYLE_COMMENTS.sub("", styled).encode())
    for path in paths:
        name = path.relative_to(directory).as_posix()
        content = path.read_bytes()
        if path.suffix == ".js" and not name.startswith("vendor/"):
            content = _COMMENTS.sub("", content.decode()).encode()
        if path.suffix != ".css":
            files[name] = _file(name, content)
    return files


def _file(name: str, content: bytes) -> _File:
    content_type = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "text/plain; charset=utf-8"
    compressed = gzip.compress(content, 9, mtime=0) if len(content) >= _LEAST_COMPRESSED else None
    return _File(content, compressed, content_type, hashlib.sha256(content).hexdigest()[:20])


def _fill(template: str, static: str, files: dict[str, _File]) -> str:
    """The page, but for the theme. All modules are named ahead: a browser would find them one after another."""
    preloads = [f'<link rel="modulepreload" href="{static}/{name}">' for name in files if name.endswith(".js")]
    return template.replace("{preloads}", "\n".join(preloads)).replace("{static}", static)


def _answer(file: _File) -> Response:
    if file.etag in request.if_none_match:
        response = Response("", 304)
    elif file.compressed is not None and request.accept_encodings["gzip"] > 0:
        response = Response(file.compressed, content_type=file.content_type)
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = Response(file.content, content_type=file.content_type)
    response.set_etag(file.etag)
    response.headers["Vary"] = "Accept-Encoding"
    return response


def _secured(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    return response
