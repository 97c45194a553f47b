"""What must stand in the end, by the oracle: a scan over all admitted messages, in order of arrival."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from oracle.clock import HOUR
from oracle.intake import Message, accept
from oracle.outcome import _of_one  # pyright: ignore[reportPrivateUsage]

from .who_is_who import Forgotten, groups

BAND = 2 * HOUR


def expected(
    definitions: list[dict[str, Any]],
    admitted: Mapping[int, dict[str, Any]],
    forgotten: Mapping[int, Forgotten],
    zone: str,
    until: int,
) -> list[tuple[str, str, int, str]]:
    """Who is to be on record, dated up to `until`: segment, id, instant, messageId of the cause.

    admitted: the messages that are there by their numbers, with the `receivedAt` that they were stored with. forgotten:
    by the number of the journal's entry.
    """
    arrived: dict[int, Message | Forgotten] = dict(forgotten)
    documents = dict(sorted(admitted.items()))
    for number, message in zip(documents, accept(documents.values()), strict=True):
        received_at = _instant(documents[number]["receivedAt"])
        old = message.timestamp < received_at - BAND
        arrived[number] = replace(message, old=True, instant=received_at) if old else message
    beings = groups(one for _, one in sorted(arrived.items(), key=lambda item: item[0]))
    segments = json.loads(json.dumps(definitions))
    records = [record for versions in beings for record in _of_one(segments, versions, zone, until)]
    return sorted((one.segment, one.person[1], one.at, one.cause.id) for one in records)


def _instant(text: str) -> int:
    found = accept([{"type": "group", "userId": "u", "timestamp": text}])
    return found[0].timestamp
