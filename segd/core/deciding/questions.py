"""What is asked of events: everything that any definition wants to know of them, collected once.

Each distinct selector gets a bit, each property (or combination of them) whose value is needed a slot. An event is
looked up by name; one that no definition names costs that look-up.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Properties = Mapping[str, Any]
Predicate = Callable[[Properties], bool]
Reader = Callable[[Properties], Any]


class Interest:
    """What is asked of the events of one name. plain: the mask, where no property needs reading; else None."""

    __slots__ = ("plain", "selectors", "slots")

    def __init__(self) -> None:
        self.selectors: list[tuple[int, Predicate | None]] = []
        self.slots: list[tuple[int, int, Reader]] = []  # slot, the bits that need it, what it reads
        self.plain: int | None = 0

    def read(self, properties: Properties) -> tuple[int, dict[int, Any] | None]:
        """The mask of the selectors that match, and the values of the slots they need."""
        mask = 0
        for bit, predicate in self.selectors:
            if predicate is None or predicate(properties):
                mask |= bit
        values = {slot: reader(properties) for slot, bits, reader in self.slots if bits & mask}
        return mask, values or None


class Questions:
    """names: of the events that are asked about. traits: top-level names of those that are. kept: bits of the selectors
    that filters count. remembered: live segments whose qualifications are asked about later. keeps_seen: some condition
    asks when users were seen. hears_all: that, or some trigger needs to know of every message of a user."""

    def __init__(self) -> None:
        self.names: dict[str, Interest] = {}
        self.traits: set[str] = set()
        self.kept = 0
        self.remembered: set[str] = set()
        self.keeps_seen = False
        self.hears_all = False
        self._bits: dict[Any, int] = {}
        self._slots: dict[Any, int] = {}

    def bit(self, event: str, key: Any, predicate: Predicate | None) -> int:
        """The bit of a selector; key: tells equal ones."""
        if key not in self._bits:
            self._bits[key] = 1 << len(self._bits)
            self.names.setdefault(event, Interest()).selectors.append((self._bits[key], predicate))
        return self._bits[key]

    def slot(self, key: Any, events: Iterable[str], bits: int, reader: Reader) -> int:
        """The slot of a value read from events of these names where any of the bits matches."""
        slot = self._slots.setdefault(key, len(self._slots))
        for event in events:
            slots = self.names[event].slots
            for index, (known, known_bits, _) in enumerate(slots):
                if known == slot:
                    slots[index] = (slot, known_bits | bits, reader)
                    break
            else:
                slots.append((slot, bits, reader))
        return slot

    def all_asked(self) -> None:
        """There are no more: whose properties need no reading is known now."""
        self.hears_all |= self.keeps_seen
        for interest in self.names.values():
            plain = all(predicate is None for _, predicate in interest.selectors) and not interest.slots
            interest.plain = sum(bit for bit, _ in interest.selectors) if plain else None
