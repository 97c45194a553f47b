"""What must stand in the end, by the oracle: a scan over all admitted messages, in order of arrival."""

import json
from dataclasses import replace
from typing import Any

from oracle.clock import HOUR
from oracle.intake import Message, accept
from oracle.outcome import _records  # pyright: ignore[reportPrivateUsage]

BAND = 2 * HOUR


def expected(
    definitions: list[dict[str, Any]], admitted: list[dict[str, Any]], zone: str, until: int
) -> list[tuple[str, str, int, str]] | None:
    """Who is to be on record, dated up to `until`: segment, id, instant, messageId of the cause.

    admitted: the messages in the order of their numbers, with the `receivedAt` that they were stored with. None where
    the oracle does not say: who is who depends on arrival, and it knows only order.
    """
    taken: list[Message] = []
    for document, message in zip(admitted, accept(admitted), strict=True):
        received_at = _instant(document["receivedAt"])
        old = message.timestamp < received_at - BAND
        taken.append(replace(message, old=True, instant=received_at) if old else message)
    if any(one.user and (one.anonymous or one.previous) for one in taken) and (
        any(one.old for one in taken) or taken != sorted(taken, key=lambda one: one.timestamp)
    ):
        return None
    records = _records(json.loads(json.dumps(definitions)), taken, zone, until)
    return sorted((one.segment, one.person[1], one.at, one.cause.id) for one in records)


def _instant(text: str) -> int:
    found = accept([{"type": "group", "userId": "u", "timestamp": text}])
    return found[0].timestamp
