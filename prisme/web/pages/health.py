"""How events come in, as who runs the server sees it on a dashboard, and what to change where they are refused."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from prisme.dashboard.number_format import format_duration, format_exact

# What a refused event asks its owner to change.
_ADVICE: Final[dict[str, str]] = {
    "origin_not_registered": "Add the site's host to the option origins, and restart Prisme.",
    "page_url_missing": "The page's referrer policy hides its URL: set a policy that sends it, or use the script.",
    "page_not_registered": "Add the page's host to the option origins too, and restart Prisme.",
    "rate_limited": "One address sent too much: behind a proxy, see trust_proxy; else raise api_events_rate_limit.",
    "bot": "Bots are not counted; bot_allow lists exceptions.",
    "no_room": "Free disk space, or lower min_free_space.",
    "journal_unavailable": "The disk is full or cannot be written to.",
}


# Of so few visits, most may come from one address by chance.
_FEWEST_VISITS: Final = 20
_MOST: Final = 0.5


class Intake(msgspec.Struct, frozen=True):
    """Events on their way, when the last was stored (Unix seconds, 0 for never), what fails, and refusals by name.

    `unread` says what is wrong with the proxy, if anything; `share` of the latest `visits` come from one address.
    """

    pending: int
    stored_at: float
    failure: str | None
    refused: Mapping[str, int]
    unread: str | None = None
    share: float = 0.0
    visits: int = 0


def show(intake: Intake, now: float) -> dict[str, Any]:
    """What the templates show of it; `now` in Unix seconds."""
    refused = sorted(intake.refused.items(), key=lambda item: (-item[1], item[0]))
    ago = max(now - intake.stored_at, 0)
    return {
        "pending": format_exact(intake.pending),
        "stored": f"{format_duration(ago)} ago" if intake.stored_at else "nothing since the server started",
        "failure": intake.failure,
        "warnings": [*([intake.unread] if intake.unread else []), *_warn_of_one_address(intake)],
        "refused": [
            (reason.replace("_", " "), format_exact(count), _ADVICE.get(reason, "")) for reason, count in refused
        ],
    }


def _warn_of_one_address(intake: Intake) -> list[str]:
    if intake.visits < _FEWEST_VISITS or intake.share <= _MOST:
        return []
    # Rounded down: "100%" is all of them.
    sentence = f"{int(intake.share * 100)}% of the latest {intake.visits} visits come from one address"
    if intake.unread:
        return [f"{sentence}."]
    return [f"{sentence}: behind a proxy, set trust_proxy and proxy_header, so that Prisme reads the visitors' own."]
