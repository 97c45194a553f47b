"""The keeper of snapshots: counts the members of past segments one at a time, where there is room."""

import logging
from collections.abc import Callable

import trio

from segd.core.answers import Snapshots
from segd.core.errors import SegdError

IDLE_SECONDS = 30.0  # between looks, where nothing is missing
REST = 9  # times as long as a count took is waited before the next: at most a tenth of a core goes there
LEAST_REST_SECONDS = 0.2
AWAY_SECONDS = 10.0  # after an error of the store

_LOG = logging.getLogger(__name__)


async def keep_snapshots(snapshots: Snapshots, busy: Callable[[], bool]) -> None:
    """Trio. Take what is missing, for ever. busy: whether others need the store more; then it waits."""
    while True:
        pause = IDLE_SECONDS
        if busy():
            pause = LEAST_REST_SECONDS
        else:
            began = trio.current_time()
            try:
                if await snapshots.take_next():
                    pause = max(LEAST_REST_SECONDS, REST * (trio.current_time() - began))
            except SegdError as error:  # the database is away, or refuses: it is asked again
                _LOG.warning("a snapshot could not be taken: %s", error.message)
                pause = AWAY_SECONDS
        await trio.sleep(pause)
