"""`/metrics`, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST
from quart import Blueprint, Response, request

from segd.web.auth import Guard


def make_metrics(page: Callable[[], bytes], guard: Guard) -> Blueprint:
    """page: the figures."""
    metrics = Blueprint("metrics", __name__)

    async def show() -> Response:
        await guard.admit(request, "read")
        return Response(page(), content_type=CONTENT_TYPE_LATEST)

    metrics.add_url_rule("/metrics", "metrics", show)
    return metrics
