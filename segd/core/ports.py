"""What the parts of the daemon ask of one another, so that none knows another: `daemon` brings them together."""

from collections.abc import Sequence
from typing import Protocol

from segd.core.errors import SegdError
from segd.core.messages import Event


class Unavailable(SegdError):
    """Events cannot be taken now. retry_after: whole seconds after which it is worth asking again."""

    def __init__(self, code: str, message: str, retry_after: int) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class Journal(Protocol):
    """The one order of everything that changes outcomes."""

    async def append(self, events: Sequence[Event], *, trusted: bool = False) -> None:
        """Return once these events, in this order, are committed; repeats of earlier messages are passed over.

        events: with their receivedAt. trusted: whether an alias among them may join two userIds; a write key is not
        enough for that. A caller that is cancelled does not take its events back.

        Raises Unavailable: `overloaded` when too much is waiting already, `unavailable` while the store cannot be
        reached or the daemon stops. Nothing was taken then, or it is not known: sending the same messages again is
        right in either case. Any other error says that these very events cannot be stored.
        """
        ...
