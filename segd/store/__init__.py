"""Postgres: what segd keeps, and how it is asked. Knows `core`, never `web` or `actors`."""
