"""Files of history sent to a running daemon, some messages at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from segd.cli.client import Daemon
from segd.core.time.instants import Instant
from segd.files.columns import Columns
from segd.files.lines import Progress
from segd.files.messages import Refuse, read_messages
from segd.files.repeats import Repeats
from segd.store.importing import ImportSummary

MESSAGES: Final = 2_000  # in a request: to read more at once would keep a processor from the daemon for long
BYTES: Final = 4_000_000  # or so many


def send_files(
    daemon: Daemon,
    files: Sequence[Path],
    now: Instant,
    summary: ImportSummary,
    *,
    columns: Columns | None,
    ahead: int,
    refuse: Refuse,
    progress: Progress,
) -> None:
    """As `import_files`, but for the daemon, which has the store. Raises RefusedError, AwayError."""

    def send(lines: Sequence[bytes]) -> None:
        answer = daemon.ask("POST", "api/import", content=b"\n".join(lines), patient=True)
        summary.imported += answer["imported"]
        summary.repeated += answer["repeated"]
        summary.refused.update(answer["refused"])

    with Repeats() as repeats:
        lines: list[bytes] = []
        size = 0
        for _, _, line in read_messages(
            files, summary, repeats, columns=columns, ahead=ahead, latest=now + ahead, refuse=refuse, progress=progress
        ):
            lines.append(line)
            size += len(line)
            if len(lines) == MESSAGES or size >= BYTES:
                send(lines)
                lines, size = [], 0
        if lines:
            send(lines)
