"""The daemon under a virtual clock, on a store that behaves as Postgres does, with every fault that a seed may hold.

`python -m tests.simulation --seeds 1000` runs seeds, `--seed 7` one of them, `mutations` breaks segd on purpose.
"""
