"""Pages and forms as endpoints: a request is read, worked on at a desk, and told as a page where it is refused."""

import time
from collections.abc import Callable

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web.authentication import Asking, is_own_page, is_secure, read_asking, read_fields
from prisme.web.body import MAX_BODY, BodyReader
from prisme.web.pages.templates import Pages, tell
from prisme.web.request import Request
from prisme.web.responses import Response
from prisme.web.routing import Endpoint
from prisme.web.worker_pool import Desk

Fields = dict[str, str]


class Visit(msgspec.Struct, frozen=True):
    """What is asked and what a form sent, from which address, by TLS or not, and when (monotonic, seconds)."""

    asking: Asking
    fields: Fields
    address: str
    secure: bool
    began: float

    @property
    def base(self) -> str:
        """Where the browser sees this server."""
        return f"{'https' if self.secure else 'http'}://{self.asking.headers.get('host', 'localhost')}"


Work = Callable[[Visit], Response | Refusal]


class Place(msgspec.Struct, frozen=True):
    """Where pages are made: all of their work is done at `desk`."""

    pages: Pages
    desk: Desk

    def page(self, work: Work) -> Endpoint:
        """A page that shows something."""

        async def endpoint(request: Request) -> Response:
            asking, began = read_asking(request), time.monotonic()
            return await self._answer(request, asking, {}, began, work)

        return endpoint

    def form(self, work: Work) -> Endpoint:
        """A page that changes something, by a form: of our own pages alone. It judges no field."""
        bodies = BodyReader()

        async def endpoint(request: Request) -> Response:
            asking, began = read_asking(request), time.monotonic()
            fields = asking if isinstance(asking, Refusal) else await _read_form(request, asking, bodies)
            if isinstance(fields, Refusal):
                return tell(self.pages, request, fields)
            return await self._answer(request, asking, fields, began, work)

        return endpoint

    async def _answer(
        self, request: Request, asking: Asking | Refusal, fields: Fields, began: float, work: Work
    ) -> Response:
        if isinstance(asking, Refusal):
            return tell(self.pages, request, asking)
        address = str(request.client.key)
        visit = Visit(asking, fields, address, is_secure(request, asking), began)
        outcome = await self.desk.run(lambda: work(visit))
        return tell(self.pages, request, outcome) if isinstance(outcome, Refusal) else outcome


async def _read_form(request: Request, asking: Asking, bodies: BodyReader) -> Fields | Refusal:
    if not is_own_page(asking):
        return refusal.CROSS_ORIGIN
    body = await bodies.read(request.receive, asking.headers.get("content-length", "").encode("latin-1"))
    return body if isinstance(body, Refusal) else read_fields(body, MAX_BODY)
