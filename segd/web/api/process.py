"""What is asked by whoever watches over the process: whether it answers, whether it takes events, and its figures."""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST
from quart import Response

from segd.core.ports import Unavailable
from segd.web.api.routing import Part
from segd.web.api.shapes import daemon as shapes


def process(figures: Callable[[], bytes], unready: Callable[[], str | None]) -> Part:
    """figures: for Prometheus. unready: why events cannot be taken now, one sentence for people; None when they can."""
    part = Part("process", "For whoever watches over segd.")

    @part.route("GET", "/healthz", "Whether the process answers", scope=None, answer=shapes.Health)
    async def tell_health() -> shapes.Health:
        return shapes.Health("ok")

    @part.route("GET", "/readyz", "Whether events can be taken", scope=None, answer=shapes.Health)
    async def tell_readiness() -> shapes.Health:
        """Answered with 503 and the reason while they cannot."""
        if reason := unready():
            raise Unavailable("unavailable", reason, retry_after=1)
        return shapes.Health("ok")

    @part.route("GET", "/metrics", "Figures for Prometheus", scope="read", others=("text/plain",))
    async def tell_figures() -> Response:
        return Response(figures(), content_type=CONTENT_TYPE_LATEST)

    return part
