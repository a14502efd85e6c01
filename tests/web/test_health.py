"""What the panel says of a proxy, from what was counted."""

import pytest

from prisme.web.pages.health import Intake, health_values

UNREAD = "Requests come through a proxy whose headers are not read."
ADVICE = ": behind a proxy, set trust_proxy and proxy_header, so that Prisme reads the visitors' own."
FROM_ONE = "sessions come from one address"


@pytest.mark.parametrize(
    ("unread", "share", "visits", "warnings"),
    [
        pytest.param(None, 0.0, 0, [], id="nothing"),
        pytest.param(None, 0.97, 200, [f"97% of the latest 200 {FROM_ONE}{ADVICE}"], id="most"),
        pytest.param(None, 1.0, 20, [f"100% of the latest 20 {FROM_ONE}{ADVICE}"], id="all of a few"),
        pytest.param(None, 0.999, 1000, [f"99% of the latest 1000 {FROM_ONE}{ADVICE}"], id="not all"),
        pytest.param(None, 1.0, 19, [], id="too few"),
        pytest.param(None, 0.5, 1000, [], id="half"),
        pytest.param(UNREAD, 0.5, 1000, [UNREAD], id="a proxy alone"),
        pytest.param(UNREAD, 0.9, 100, [UNREAD, f"90% of the latest 100 {FROM_ONE}."], id="both"),
    ],
)
def test_warnings(unread: str | None, share: float, visits: int, warnings: list[str]) -> None:
    assert health_values(Intake(0, 0.0, None, {}, unread, share, visits), 0.0)["warnings"] == warnings
