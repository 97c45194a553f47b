"""Single action, page visit, referrer: a candidate at each matching event."""

from typing import TYPE_CHECKING

from segd.core.deciding.digest import Digest
from segd.core.deciding.timers import Timers
from segd.core.deciding.triggers.base import Candidate, Trigger

if TYPE_CHECKING:
    from segd.core.deciding.actor import UserActor


class ActionTrigger(Trigger):
    """did: the bits of its selectors."""

    __slots__ = ("did",)

    def __init__(self, did: int) -> None:
        super().__init__()
        self.did = did

    def fades_after(self) -> int:
        return 0

    def step(self, actor: "UserActor", digest: Digest, timers: Timers, out: list[Candidate]) -> None:
        if digest.mask & self.did:
            out.append(Candidate(self, digest.timestamp, digest, digest))
