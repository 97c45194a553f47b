"""Sites: which hosts belong together, by the public suffix list with both its sections."""

import unicodedata
from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList


@lru_cache(maxsize=16_384)
def registrable(host: str) -> str:
    """The registrable domain of a host, in punycode and lower case: `shop.bücher.example` → `xn--bcher-kva.example`.

    A host that has none (an IP address, a single label, a public suffix) is its own.
    """
    host = _punycode(host.lower().rstrip("."))
    if ":" in host or host.rpartition(".")[2].isdigit():  # an IP address: no name ends in a number
        return host
    return _suffixes().privatesuffix(host) or host


def from_another_site(host: object, referrer_host: object) -> bool:
    """Whether a visitor of `host` came from another site; no, where either cannot be told (no text, or empty)."""
    if not isinstance(host, str) or not isinstance(referrer_host, str) or not host or not referrer_host:
        return False
    return registrable(host) != registrable(referrer_host)


def _punycode(host: str) -> str:
    """As browsers do it (ß stays a letter of its own), without their tests; what cannot be encoded stays as it is."""
    if host.isascii():
        return host
    host = unicodedata.normalize("NFKC", host).lower().replace("。", ".")
    try:
        labels = [
            label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii") for label in host.split(".")
        ]
    except UnicodeError:
        return host
    return ".".join(labels)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # reads its file: 50 ms, once, and only where somebody asks
