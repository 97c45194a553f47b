"""Garbage collection that never holds up the loop for long, however many users are at hand.

A full collection looks at every object there is: over a million open windows it takes seconds. Users' state has no
cycles and is freed without it. So Python's own full collections are off, and whenever a good number of objects has come
together, those alone are collected; the ones that stay are then frozen, which takes them out of all later ones.
"""

import gc

import trio

YOUNG = 20_000  # objects between two of the youngest collections
MIDDLE = 5  # of those between two of the middle ones: at most 100,000 objects are looked at
NEVER = 1_000_000_000
PAUSE_SECONDS = 0.5


async def collect_little_and_often() -> None:
    """Run until cancelled."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, NEVER)
    try:
        while True:
            await trio.sleep(PAUSE_SECONDS)
            if gc.get_count()[2] > 0:
                gc.collect()
                gc.freeze()
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
