"""Text of others on a terminal: whoever sends events or makes segments chooses what ids, traits and names hold."""


def plain(value: object) -> str:
    """In one line, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in str(value))
