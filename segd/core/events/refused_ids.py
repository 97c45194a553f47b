"""Ids of forgotten users, of which no message is taken for a while. Only their hashes are known."""

from hashlib import blake2b

from segd.core.errors import MessageError
from segd.core.events.messages import Event
from segd.core.time.instants import Instant, to_text

HASH_BYTES = 32


def hash_of(id: str) -> bytes:
    return blake2b(id.encode(), digest_size=HASH_BYTES).digest()


class RefusedIds:
    """until: by kind (whether anonymous) and hash of the id, when messages are taken again."""

    def __init__(self) -> None:
        self._until: dict[tuple[bool, bytes], Instant] = {}

    def refuse(self, anonymous: bool, id_hash: bytes, until: Instant) -> None:
        """No message with that id from now on."""
        key = (anonymous, id_hash)
        self._until[key] = max(until, self._until.get(key, until))

    def accept_again(self, anonymous: bool, id_hash: bytes) -> None:
        self._until.pop((anonymous, id_hash), None)

    def check(self, event: Event, now: Instant) -> None:
        """Raises MessageError `forgotten_user` where one of its ids is refused."""
        if not self._until:  # nearly always
            return
        self._check(False, event.user_id, now)
        self._check(True, event.anonymous_id, now)
        self._check(False, event.previous_id, now)
        self._check(True, event.previous_id, now)

    def _check(self, anonymous: bool, id: str | None, now: Instant) -> None:
        until = None if id is None else self._until.get((anonymous, hash_of(id)))
        if until is not None and now < until:
            raise MessageError("forgotten_user", f"this user was forgotten and is refused until {to_text(until)}")
