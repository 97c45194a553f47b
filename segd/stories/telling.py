"""What came of a story, in words: a small difference, each line with its offset and its instant."""

from collections.abc import Iterator

from segd.core.language.words import in_words
from segd.core.time.instants import DAY, HOUR, MINUTE, SECOND, Instant, to_text
from segd.stories.running import Outcome
from segd.stories.story import Change, Entry, Story

_UNITS = (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND))


def differences(outcome: Outcome) -> Iterator[str]:
    """Lines: for each segment where they differ, what was expected (-), what came (+), and what came as expected."""
    story = outcome.story
    definitions = {segment.name: segment.definition for segment in (*story.plan.live, *story.plan.past.values())}
    for segment, rows in outcome.changes.items():
        if any(sign != " " for sign, _ in rows):
            yield f"  {segment}: {in_words(definitions[segment])}"
            yield from (f"  {sign} {_change(change, story)}" for sign, change in rows)
            if any(sign == "-" and change.entry.at > story.until for sign, change in rows):
                yield f"    (time ends at {_when(story.until, story)}; `until` lets it go on)"
    for segment, ids in outcome.members.items():
        if any(sign != " " for sign, _ in ids):
            yield f"  {segment}, members as of {_when(story.as_of, story)}: {in_words(definitions[segment])}"
            yield from (f"  {sign} {id}" for sign, id in ids)


def offset_text(length: int) -> str:
    """`1d2h`, `-5m`, `0m`, as stories write it; microseconds as a fraction of the seconds."""
    text, rest = "", abs(length)
    for letter, unit in _UNITS[:-1]:
        number, rest = divmod(rest, unit)
        text += f"{number}{letter}" if number else ""
    if rest:
        text += f"{rest // SECOND}{'.' + f'{rest % SECOND:06}'.rstrip('0') if rest % SECOND else ''}s"
    return ("-" if length < 0 else "") + (text or "0m")


def _change(change: Change, story: Story) -> str:
    text = _entry(change.entry, story)
    if change.to is not None:
        return f"{text} corrected to {_entry(change.to, story)}"
    return text if change.what == "qualified" else f"{text} {change.what}"


def _entry(entry: Entry, story: Story) -> str:
    who = f"~{entry.user}" if entry.anonymous else entry.user
    return f"{_when(entry.at, story)} {who}{_cause(entry.cause, story)}"


def _when(at: Instant, story: Story) -> str:
    return f"{offset_text(at - story.start)} ({to_text(at)})"


def _cause(cause: str | None, story: Story) -> str:
    if cause is None:
        return ""
    number, event = next((number, event) for number, event in story.events if event.message_id == cause)
    return f" by #{number} {event.name}"
