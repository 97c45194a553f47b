"""What a simulation ends with where it finds something."""


class Violation(AssertionError):
    """A promise was broken."""
