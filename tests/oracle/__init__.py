"""A naive model of the semantics of segments, to be compared with the real thing.

It is written from the specification alone and shares no code with segd. It keeps no state where a scan over the whole
history will do: slow, and plainly right or plainly wrong. `live`, `late` and `past` are all there is to call.
"""

from .outcome import Qualification, late, live, past

__all__ = ["Qualification", "late", "live", "past"]
