"""`/public/HOST`: leads to the public dashboard of a site, for everybody, where an admin has turned it on."""

from typing import Final
from urllib.parse import urlencode

import msgspec

from prisme.access.sharing import PUBLIC, public_site
from prisme.base.refusal import Refusal
from prisme.dashboard.url_state import DASHBOARD
from prisme.web.pages.endpoints import PageDeps
from prisme.web.pages.templates import error_page, make_public, put_below, see_other
from prisme.web.parsed_request import parse_request
from prisme.web.request import Request
from prisme.web.responses import Response
from prisme.web.routing import NAME, Methods

PUBLIC_PAGE: Final = "/public/"


def routes(deps: PageDeps) -> dict[str, Methods]:
    """The address of public dashboards."""

    async def endpoint(request: Request) -> Response:
        parsed = parse_request(request)
        if isinstance(parsed, Refusal):
            return error_page(deps.templates, request, parsed)
        query = {PUBLIC: request.name} | {name: text for name, text in parsed.query.items() if name != PUBLIC}
        # Whoever asks, even with a token: the page is the same for everybody.
        grant = await deps.identifier.identify(request, msgspec.structs.replace(parsed, query=query, headers={}))
        if isinstance(grant, Refusal):
            return error_page(deps.templates, request, grant)
        leading = see_other(f"{DASHBOARD}?{urlencode(query | {PUBLIC: public_site(grant)})}")
        return put_below(deps.templates.root, make_public(leading, ()))

    return {PUBLIC_PAGE + NAME: {"GET": endpoint}}
