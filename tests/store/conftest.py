"""What the tests of the store share."""

import pytest

from segd.store import outages


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is sent away because the machine is slow; a test of that says how long is too long."""
    monkeypatch.setattr(outages, "ANSWER_SECONDS", 60.0)
    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 60.0)
