"""What a `$page` or `$screen` is known by: its properties, completed from the context of the message and from its URLs.

Each of NAMES comes from the first place that has it: the properties, `context.page`, for `utm_*` `context.campaign`,
else it is worked out of `url` and `referrer`. Empty text and null count as absent everywhere.
"""

import re
from typing import Any
from urllib.parse import unquote_plus

_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
_HOSTS = ("host", "referrer_host")
NAMES = ("url", "path", "host", "search", "title", "referrer", "referrer_host", *_UTM)

_CAMPAIGN = {name: name.removeprefix("utm_") for name in _UTM} | {"utm_campaign": "name"}  # its own words for them
_LONGEST_HOST = 253  # of a domain name

# RFC 3986, appendix B: takes any text apart and never fails, unlike urllib's, which wants to know the scheme.
_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?")
_NO_HOST = re.compile(r"[\x00-\x20\x7f\s]")


def complete(properties: dict[str, Any], page: dict[str, Any], campaign: dict[str, Any]) -> None:
    """Put into `properties` of a page or screen all of NAMES that can be told, and take out what is empty.

    page, campaign: those of the message's context. What is no text is kept, but nothing is worked out of it.
    """
    given = _told(properties)
    if page:
        given = _told(page) | given
    told = _worked_out(given.get("url"), given.get("referrer"))
    if campaign:
        told |= _told({name: campaign.get(word) for name, word in _CAMPAIGN.items()})
    for name in NAMES:
        properties.pop(name, None)
    properties |= told | given


def _told(source: dict[str, Any]) -> dict[str, Any]:
    """What `source` says of NAMES."""
    told: dict[str, Any] = {}
    for name in NAMES:
        value = source.get(name)
        if name in _HOSTS and isinstance(value, str):
            value = bare_host(value)
        if value is not None and value != "":
            told[name] = value
    return told


def bare_host(authority: str) -> str:
    """The host of an authority in lower case: no user, no port, no final dot, no brackets around an IPv6 address.

    Empty where there is none.
    """
    host = authority.strip().rpartition("@")[2].lower()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") < 2:  # more: an IPv6 address that came without its brackets
        host = host.partition(":")[0]
    host = host.rstrip(".")
    return "" if len(host) > _LONGEST_HOST or _NO_HOST.search(host) else host


def _worked_out(url: object, referrer: object) -> dict[str, str]:
    """The properties that can be told from the two URLs."""
    told: dict[str, str] = {}
    if isinstance(url, str):
        scheme, authority, path, query = _take_apart(url)
        host = bare_host(authority)
        if not path and host and scheme in ("http", "https"):
            path = "/"  # the same page, as every browser has it
        told |= {"path": path, "host": host, "search": query and "?" + query} | _utm(query)
    if isinstance(referrer, str):
        told["referrer_host"] = bare_host(_take_apart(referrer)[1])
    return {name: value for name, value in told.items() if value}


def _take_apart(url: str) -> tuple[str, str, str, str]:
    """Scheme in lower case, authority, path and query; each empty where absent."""
    parts = _URL.match(url.strip())
    assert parts is not None, "the pattern takes any text"
    scheme, authority, path, query = (part or "" for part in parts.groups())
    return scheme.lower(), authority, path, query


def _utm(query: str) -> dict[str, str]:
    """The first of each `utm_*` that is not empty, percent-decoded."""
    found: dict[str, str] = {}
    if "utm" not in query:
        return found
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        key = unquote_plus(key)
        if value and key in _UTM and key not in found:
            found[key] = unquote_plus(value).replace("\0", "\N{REPLACEMENT CHARACTER}")  # Postgres holds no NUL
    return found
