"""What the page of a site says of its public dashboard, its frame and its badge, and how they are turned on and off."""

from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from prisme.access.sharing import EMBED, KINDS, PUBLIC, Kind, Switches
from prisme.dashboard.display import decode_host
from prisme.dashboard.url_state import DASHBOARD
from prisme.dashboard.words import mark, translate
from prisme.web.badge import BADGE
from prisme.web.pages.public import PUBLIC_PAGE

_TITLES: Final[dict[Kind, tuple[str, str]]] = {
    "public": (
        mark("Public dashboard"),
        mark(
            "Anyone can see the dashboard of this site, without an account, with all periods and filters. "
            "Nobody can change anything there."
        ),
    ),
    "embed": (
        mark("Embedding"),
        mark(
            "Pages of this site and of its aliases can show the dashboard in a frame. Whoever opens the frame's "
            "address sees it too."
        ),
    ),
    "badge": (
        mark("Badge"),
        mark("An image with the number of visitors of the last 28 days, for any page. It is counted once a minute."),
    ),
}


class Line(msgspec.Struct, frozen=True):
    """A text to copy; `id` is that of its element."""

    id: str
    label: str
    text: str


class Row(msgspec.Struct, frozen=True):
    """A switch; `lines` are empty while it is off."""

    kind: Kind
    title: str
    about: str
    is_on: bool
    lines: list[Line]


def build_switches(site: str, switches: Switches, base: str) -> list[Row]:
    """The switches of a site; `base` is the URL of this server."""
    lines = {"public": _public_lines, "embed": _embed_lines, "badge": _badge_lines}
    return [
        Row(kind, translate(title), translate(about), is_on, lines[kind](site, base) if is_on else [])
        for kind in KINDS
        for (title, about), is_on in [(_TITLES[kind], getattr(switches, kind))]
    ]


def _public_lines(site: str, base: str) -> list[Line]:
    return [Line("public-address", translate("Address"), _public_address(site, base))]


def _embed_lines(site: str, base: str) -> list[Line]:
    address = f"{base}{DASHBOARD}?{urlencode({PUBLIC: site, EMBED: 1})}".replace("&", "&amp;")
    title = translate("Visitors of {site}", site=decode_host(site))
    frame = f'<iframe src="{address}" title="{title}" width="100%" height="1200" loading="lazy"></iframe>'
    return [Line("embed-line", translate("HTML for your page"), frame)]


def _badge_lines(site: str, base: str) -> list[Line]:
    address, name = f"{base}{BADGE}{quote(site)}.svg", translate("Visitors of {site}, 28 days", site=decode_host(site))
    return [
        Line("badge-address", translate("Address"), address),
        Line("badge-html", "HTML", f'<img src="{address}" alt="{name}" height="20">'),
        Line("badge-markdown", "Markdown", f"![{name}]({address})"),
    ]


def _public_address(site: str, base: str) -> str:
    return f"{base}{PUBLIC_PAGE}{quote(site)}"
