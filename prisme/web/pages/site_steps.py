"""How far a site's set-up is, by what really came: a list that ticks itself off."""

from ipaddress import ip_address

import msgspec

from prisme.dashboard.age import format_age
from prisme.dashboard.words import translate
from prisme.visit.origins import Hosts
from prisme.web.pages.endpoints import PageRequest
from prisme.web.pages.health import Intake, warn_of_addresses
from prisme.web.script_requests import ScriptRequests


class Arrivals(msgspec.Struct, frozen=True):
    """What has come from a site: the times of its first visit and of its first event, in Unix seconds; None: none."""

    visit: float | None
    event: float | None


class Step(msgspec.Struct, frozen=True):
    """A step, and what is known of it."""

    title: str
    is_done: bool
    detail: str


def list_steps(
    hosts: Hosts, arrivals: Arrivals, scripts: ScriptRequests, intake: Intake, request: PageRequest, now: float
) -> list[Step]:
    """The steps of the site with these hosts; `now` in Unix seconds."""
    script = scripts.latest(hosts)
    return [
        Step(
            translate("A page has requested the script"),
            script is not None or arrivals.visit is not None,
            "" if script is None else translate("Last requested {age}", age=format_age(now - script)),
        ),
        Step(translate("The first session"), arrivals.visit is not None, _describe(arrivals.visit, now)),
        _check_address(intake, request),
        Step(
            translate("The first event"),
            arrivals.event is not None,
            _describe(arrivals.event, now)
            or translate("A download, a click on an outbound link, or prisme.trigger(…); optional"),
        ),
    ]


def _describe(at: float | None, now: float) -> str:
    return "" if at is None else format_age(now - at)


def _check_address(intake: Intake, request: PageRequest) -> Step:
    """Whether Prisme sees the visitors' own addresses: that of the reader's browser is an example."""
    address = request.address
    faults, title = warn_of_addresses(intake), translate("Visitors have addresses of their own")
    if faults:
        return Step(title, False, " ".join(faults))
    local = not address.version or not ip_address(address.text).is_global
    if local:
        text = translate("Yours is {address}, an address of this machine or its network", address=address.text)
        return Step(title, True, text)
    return Step(title, True, translate("Yours is {address}", address=address.text))
