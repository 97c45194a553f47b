"""Everything that the store refuses or meets, as one tree.

StoreError
├── ConnectFailed       no connection could be made: wrong address, wrong password, server away
├── ConnectionLost      there was a connection and it broke: whether the last commit happened is not known
├── ServerError         Postgres answered with an error; `sqlstate` says which
├── SchemaError         the tables are older or newer than this segd
└── EmbeddedError       the embedded server cannot be started or used
"""

from segd.core.errors import SegdError


class StoreError(SegdError):
    """Something that the database, or the way to it, refused."""


class ConnectFailed(StoreError):
    """No connection could be made. The message names the address, never the password."""

    def __init__(self, message: str) -> None:
        super().__init__("database_unreachable", message)


class ConnectionLost(StoreError):
    """The connection broke. What was committed is kept; whether the statement at hand took place is not known."""

    def __init__(self, message: str) -> None:
        super().__init__("connection_lost", message)


class ServerError(StoreError):
    """Postgres refused a statement. sqlstate: its five characters; constraint: the name of a violated one."""

    def __init__(self, message: str, sqlstate: str, constraint: str | None = None) -> None:
        super().__init__("database_error", message)
        self.sqlstate = sqlstate
        self.constraint = constraint


class SchemaError(StoreError):
    """The tables do not fit this segd; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("schema_mismatch", message)


class EmbeddedError(StoreError):
    """The embedded server cannot be started or used; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("embedded_database", message)
