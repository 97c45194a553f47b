"""What Schemathesis cannot know of the API."""

import os
import sys
from typing import Any

import schemathesis

sys.setrecursionlimit(10_000)  # a definition holds conditions that hold conditions


@schemathesis.serializer("application/x-ndjson")
def lines(context: schemathesis.SerializationContext, value: Any) -> dict[str, Any]:
    return {"data": value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")}


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Its own token is not to be revoked, for then it would see nothing but refusals."""
    return case.operation.label != "DELETE /api/tokens/{id}" or case.path_parameters["id"] != os.environ["OWN_TOKEN"]
