"""How the server receives events, as admins see it on the dashboard, with advice on refused events."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from prisme.dashboard.age import format_age
from prisme.dashboard.number_format import format_exact
from prisme.dashboard.words import mark, translate

# By the reason of a refusal.
_ADVICE: Final[dict[str, str]] = {
    "origin_not_registered": mark("If it is yours, add it on the page Sites, or with prisme site add HOST."),
    "page_url_missing": mark(
        "The page's referrer policy hides its URL: set a policy that sends it, or use the script."
    ),
    "page_not_registered": mark("Add the page's host too, on the page Sites, or as an alias of its site."),
    "rate_limited": mark(
        "One address sent too much: behind a proxy, see trust_proxy; else raise api_events_rate_limit."
    ),
    "bot": mark("Bots are not counted; bot_allow lists exceptions."),
    "no_room": mark("Free disk space, or lower min_free_space."),
    "journal_unavailable": mark("The disk is full or cannot be written to."),
}
# Of fewer visits, most may come from one address by chance.
_MIN_VISITS: Final = 20
_MAX_SHARE: Final = 0.5


class Intake(msgspec.Struct, frozen=True):
    """Numbers of events: `pending` wait to be stored, `refused` are by the refusal's name.

    `stored_at` is when the last one was stored (Unix seconds, 0 for never), `failure` why none can be stored, if so.
    `unread` says what is misconfigured for a proxy, if anything. `share`, from 0 to 1, is the part of the latest
    `visits` that came from one address.
    """

    pending: int
    stored_at: float
    failure: str | None
    refused: Mapping[str, int]
    unread: str | None = None
    share: float = 0.0
    visits: int = 0


def health_values(intake: Intake, now: float) -> dict[str, Any]:
    """What the templates show; `now` in Unix seconds."""
    refused = sorted(intake.refused.items(), key=lambda item: (-item[1], item[0]))
    return {
        "pending": format_exact(intake.pending),
        "stored": format_age(now - intake.stored_at)
        if intake.stored_at
        else translate("Nothing since the server started"),
        "failure": intake.failure,
        "warnings": warn_of_addresses(intake),
        "refused": [
            (reason.replace("_", " "), format_exact(count), translate(_ADVICE.get(reason, "")))
            for reason, count in refused
        ],
    }


def warn_of_addresses(intake: Intake) -> list[str]:
    """Signs that Prisme does not see visitors' own addresses: headers that it does not read, one address for most."""
    return [*([intake.unread] if intake.unread else []), *_warn_of_one_address(intake)]


def _warn_of_one_address(intake: Intake) -> list[str]:
    if intake.visits < _MIN_VISITS or intake.share <= _MAX_SHARE:
        return []
    # Rounded down: "100%" means every visit.
    share, visits = f"{int(intake.share * 100)}%", intake.visits
    if intake.unread:
        return [translate("{share} of the latest {count} sessions come from one address.", share=share, count=visits)]
    text = translate(
        "{share} of the latest {count} sessions come from one address: behind a proxy, set trust_proxy and "
        "proxy_header, so that Prisme reads the visitors' own.",
        share=share,
        count=visits,
    )
    return [text]
