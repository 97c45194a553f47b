"""POSTs to addresses that users named, without becoming their way into our own network.

A name is resolved by us, every address it means must be a public one, and the connection goes to one of those very
addresses: another answer of the name server a moment later changes nothing. Redirects are not followed, for they would
lead past all that; proxies of the environment are not used.
"""

import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import httpx
import trio

from segd.core.errors import SegdError
from segd.core.webhooks import Attempt

ANSWER_SECONDS: Final = 15.0  # for connecting, sending and the answer, all together
READ: Final = 65_536  # bytes of an answer; to read more costs more than another connection
LONGEST_URL: Final = 2_000

# A name, its parts no longer than DNS has them, or an address; those with letters of their own are in punycode by then.
_HOST = re.compile(rb"[\w-]{1,63}(?:\.[\w-]{1,63})*\.?|[0-9a-f:.]+", re.ASCII)

NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Of all IPv6, what is given out to the public lies here; much of the rest leads to somewhere near in some network.
UNICAST = ipaddress.ip_network("2000::/3")
PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")  # not in Python's list on all versions

Post = Callable[[bytes, Mapping[str, str]], Awaitable[Attempt]]
"""POST a body with these headers."""


class AddressError(SegdError):
    """An address that is not posted to."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_url", message)


class UnknownHostError(AddressError):
    """A name that stands for nothing, at least now."""


def check_url(url: str) -> httpx.URL:
    """Raises AddressError, saying what would be right."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise AddressError("expected an address such as https://example.com/hook") from None
    if parsed.userinfo:
        raise AddressError("expected an address without user name and password: deliveries are signed instead")
    if parsed.scheme not in ("http", "https") or not _HOST.fullmatch(parsed.raw_host) or len(url) > LONGEST_URL:
        raise AddressError("expected an address such as https://example.com/hook")
    if parsed.port is not None and not 1 <= parsed.port <= 65535:
        raise AddressError(f"expected a port from 1 to 65535, found {parsed.port}")
    return parsed


class Poster:
    """private: whether addresses of this machine and of private networks may be posted to."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._tls = ssl.create_default_context()

    @asynccontextmanager
    async def open(self, url: str) -> AsyncGenerator[Post]:
        """What posts to one address; it keeps its connection between posts, until the block ends."""
        # A client of our own: connections are kept by address, and another name's could lead there, too.
        async with httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=None) as client:

            async def post(body: bytes, headers: Mapping[str, str]) -> Attempt:
                return await self._post(client, url, body, headers)

            yield post

    async def resolve(self, url: httpx.URL) -> str:
        """The address to connect to. Raises AddressError where one of the host's may not be posted to, UnknownHostError
        where it has none."""
        port = url.port or (443 if url.scheme == "https" else 80)
        host = url.raw_host.decode("ascii")
        try:
            found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise UnknownHostError(f"{host} cannot be found: {error.strerror}") from None
        addresses = [str(where[0]) for _, _, _, _, where in found]
        for address in addresses:
            if not self._private and not _is_public(address):
                which = address if address == host else f"{host}, at {address},"
                raise AddressError(f"{which} is not a public address: set private_webhooks where that is meant")
        return addresses[0]

    async def _post(self, client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        with trio.move_on_after(ANSWER_SECONDS):
            try:
                parsed = check_url(url)
                address = await self.resolve(parsed)
                request = client.build_request(
                    "POST",
                    parsed.copy_with(host=address),
                    content=body,
                    headers={**headers, "Host": parsed.netloc.decode("ascii")},
                    extensions={"sni_hostname": parsed.raw_host.decode("ascii")},
                )
                response = await client.send(request, stream=True, follow_redirects=False)
                try:
                    await _finish(response)
                finally:
                    await response.aclose()
            except AddressError as error:
                return Attempt(False, None, error.message)
            except (httpx.HTTPError, ssl.SSLError) as error:
                return Attempt(False, None, f"no answer: {_reason(error)}")
            return _judged(response)
        return Attempt(False, None, f"no answer in {ANSWER_SECONDS:g} s")


async def _finish(response: httpx.Response) -> None:
    """Read the answer to its end where that is near, for its connection can then be used again."""
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdecimal() and int(length) <= READ:
        async for _ in response.aiter_raw():
            pass


def _reason(error: Exception) -> str:
    """In words; httpx has none for a certificate that is not good, which lies deeper."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not good: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__


def _judged(response: httpx.Response) -> Attempt:
    status = response.status_code
    if response.is_success:
        return Attempt(True, status, f"answered {status}")
    redirected = ": redirects are not followed" if response.is_redirect else ""
    return Attempt(False, status, f"answered {status} {response.reason_phrase}{redirected}".strip())


def _is_public(address: str) -> bool:
    """Also of the IPv4 address that an IPv6 one stands for."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if inner is None and found in NAT64:
            inner = ipaddress.IPv4Address(found.packed[-4:])
        if inner is None and found not in UNICAST:
            return False
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast and found not in PROTOCOLS
