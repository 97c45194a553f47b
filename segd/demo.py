"""The shipped sample through live segments: what `segd demo` shows."""

import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from segd.core.definitions import Live
from segd.core.errors import MessageError
from segd.core.explain import Explanation, entries_of, key_of, why
from segd.core.instants import Instant
from segd.core.plain import read_lines
from segd.core.plan import Plan
from segd.core.population import Population, Qualification
from segd.sample import definitions, messages


@dataclass(frozen=True)
class Run:
    """instants: of all events, in order. seconds: from the text of the messages to who qualified."""

    plan: Plan
    population: Population
    instants: list[Instant]
    users: int
    seconds: float

    @property
    def start(self) -> Instant:
        return self.instants[0]

    @property
    def end(self) -> Instant:
        return self.instants[-1]

    @cached_property
    def definitions(self) -> list[Live]:
        return [segment.definition for segment in self.plan.live]

    @cached_property
    def qualified(self) -> list[Qualification]:
        """In order of time."""
        return sorted(self.population.qualified, key=lambda qualification: qualification.at)

    def of(self, segment: str) -> list[Qualification]:
        return [qualification for qualification in self.qualified if qualification.segment == segment]

    def why(self, user: str, segment: str) -> Explanation:
        """user: one that did something the segments ask about."""
        found = self.population.users[user]
        assert found is not None
        return why(self.plan, entries_of(found), key_of(found), segment, self.end)

    def per_period(self, instants: list[Instant], periods: int) -> list[int]:
        """How many of them lie in each of so many equal parts of the time there is."""
        length = (self.end - self.start) // periods + 1
        counts = Counter((at - self.start) // length for at in instants)
        return [counts[period] for period in range(periods)]


def run() -> Run:
    lines = b"\n".join(messages())
    plan = Plan(definitions())
    began = time.perf_counter()
    population = Population(plan)
    instants: list[Instant] = []
    for number, event in read_lines(lines):
        assert not isinstance(event, MessageError)
        population.take(event, number)
        instants.append(event.timestamp)
    population.finish(instants[-1])
    seconds = time.perf_counter() - began
    return Run(plan, population, instants, population.count_users(), seconds)
