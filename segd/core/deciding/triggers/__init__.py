"""The six kinds of live triggers: each a small machine that takes a user's events in order and says who is a candidate.

A trigger knows nothing of filters and of `again`: its state depends on the events alone, and what it finds is a
candidate (user, instant, cause) that others decide on.
"""
