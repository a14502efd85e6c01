"""The steps of a site's set-up, from what came of it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from prisme.visit.address import parse
from prisme.visit.origins import Hosts
from prisme.web.pages.endpoints import PageRequest
from prisme.web.pages.health import Intake
from prisme.web.pages.site_steps import Arrivals, list_steps
from prisme.web.script_requests import ScriptRequests
from tests.web.test_script_requests import SITES

NOW = 1000.0


def steps(
    arrivals: Arrivals, address: str = "203.0.113.9", script: bool = False, **intake: Any
) -> list[tuple[bool, str]]:
    scripts = ScriptRequests(SITES)
    if script:
        scripts.note(b"https://example.com/", NOW - 60)
    request = cast(PageRequest, SimpleNamespace(address=parse(address)))
    found = list_steps(Hosts(["example.com"]), arrivals, scripts, Intake(0, 0.0, None, {}, **intake), request, NOW)
    return [(step.is_done, step.detail) for step in found]


def test_nothing_has_come() -> None:
    done = [is_done for is_done, _ in steps(Arrivals(None, None))]
    assert done == [False, False, True, False]


def test_snippet_is_there() -> None:
    assert steps(Arrivals(None, None), script=True)[0] == (True, "Last requested 1 minute ago")
    assert steps(Arrivals(NOW - 3, None))[0][0]  # a visit without the script, or one cached by the browser


def test_visits_and_events_have_come() -> None:
    assert steps(Arrivals(NOW - 3, NOW))[1::2] == [(True, "3 seconds ago"), (True, "just now")]


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("8.8.8.8", "Yours is 8.8.8.8"),
        ("127.0.0.1", "Yours is 127.0.0.1, an address of this machine or its network"),
        ("192.168.1.7", "Yours is 192.168.1.7, an address of this machine or its network"),
        ("2a00:1450:4001::1", "Yours is 2a00:1450:4001::1"),
    ],
)
def test_address_of_the_reader_is_shown(address: str, detail: str) -> None:
    assert steps(Arrivals(None, None), address)[2] == (True, detail)


def test_hidden_addresses_are_told() -> None:
    assert steps(Arrivals(None, None), unread="set trust_proxy")[2] == (False, "set trust_proxy")
    is_done, detail = steps(Arrivals(None, None), share=0.9, visits=100)[2]
    assert not is_done
    assert detail.startswith("90% of the latest 100 sessions come from one address")
