"""Which pages of other origins may read responses: those that `api_stats_allow_origins` lists."""

from prisme.web.request import Request
from prisme.web.responses import Header


def find_origin(request: Request) -> str:
    """The `Origin` of a request; empty if it comes from no page."""
    return next((value.decode("latin-1") for name, value in request.headers if name == b"origin"), "")


def allow_origin(request: Request, origins: tuple[str, ...]) -> list[Header]:
    """The headers that let a page of another origin read the response, but not with its cookies."""
    origin = find_origin(request)
    if "*" in origins or (origin and origin in origins):
        return [(b"access-control-allow-origin", b"*" if "*" in origins else origin.encode("latin-1"))]
    return []
