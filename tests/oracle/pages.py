"""The properties of a page, and whether its referrer is on another site."""

import ipaddress
import re
from typing import Any
from urllib.parse import parse_qsl

from publicsuffixlist import PublicSuffixList

SUFFIXES = PublicSuffixList()
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.DOTALL)
TAKEN_OVER = ["url", "path", "host", "search", "title", "referrer", "referrer_host"]
CAMPAIGN = {
    "utm_source": "source",
    "utm_medium": "medium",
    "utm_campaign": "name",
    "utm_term": "term",
    "utm_content": "content",
}


def page_properties(properties: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """The properties a page is known by, filled in from wherever they can be told."""
    page, campaign = _object(context.get("page")), _object(context.get("campaign"))
    told = dict(properties)
    for name in [*TAKEN_OVER, *CAMPAIGN]:
        sources = [properties.get(name), page.get(name), campaign.get(CAMPAIGN.get(name, ""))]
        told[name] = next((value for value in sources if value is not None and value != ""), None)
    parts = _split(told["url"])
    if parts:
        host, path, search = parts
        queries = parse_qsl(search.removeprefix("?"), keep_blank_values=False, errors="replace")
        worked_out = {"host": host, "path": path, "search": search}
        worked_out |= {name: value for name, value in reversed(queries) if name in CAMPAIGN}
        for name, value in worked_out.items():
            if told[name] is None:
                told[name] = value or None
    referrer = _split(told["referrer"])
    if referrer and told["referrer_host"] is None:
        told["referrer_host"] = referrer[0] or None
    return {name: value for name, value in told.items() if value is not None or name in properties}


def from_another_site(properties: dict[str, Any]) -> bool:
    here, there = _site(properties.get("host")), _site(properties.get("referrer_host"))
    return here is not None and there is not None and here != there


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _split(url: Any) -> tuple[str, str, str] | None:
    found = URL.fullmatch(url) if isinstance(url, str) else None
    return (_host(found[1]), found[2], found[3] or "") if found else None


def _host(authority: str) -> str:
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[").lower()
    return host.partition(":")[0].lower().removesuffix(".")


def _site(host: Any) -> str | None:
    """The registrable domain in punycode, or the host itself where it has none."""
    name = _host(host) if isinstance(host, str) else ""
    if not name:
        return None
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        return name
    try:
        ascii_name = name.encode("idna").decode()
    except UnicodeError:
        ascii_name = name
    return SUFFIXES.privatesuffix(ascii_name) or ascii_name
