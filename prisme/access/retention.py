"""For how many days the visits of each site are kept. A site without a rule of its own has that of the options."""

from typing import Final

from prisme.access import audit
from prisme.access.grants import AccessError, Grant
from prisme.access.sites import SiteList
from prisme.base.domains import host_of, includes, is_wildcard
from prisme.store.control import Control

MOST_DAYS: Final = 36_500
# By site, which may be `*.example.com`; 0 is for ever.
Rules = dict[str, int]


class Retention:
    """The rules of all sites. Its methods read a file, so they must not run on the event loop."""

    def __init__(self, control: Control, sites: SiteList) -> None:
        self._control = control
        self._sites = sites

    def find(self, site: str) -> int | None:
        """The rule of a site by its name, None if it has none. Raises NotFoundError."""
        return read_rules(self._control).get(self._sites.find(site).name)

    def read(self) -> Rules:
        """The rules of all sites that have one."""
        return read_rules(self._control)

    def save(self, by: Grant, site: str, days: int | None, now: int) -> None:
        """Set or remove the rule of a site. A site that is removed keeps it, as its figures stay.

        Raises NotFoundError or AccessError.
        """
        if days is not None and not 0 <= days <= MOST_DAYS:
            raise AccessError("{days} days: write a number from 1 to {most}, or 0 for ever", days=days, most=MOST_DAYS)
        if site not in read_rules(self._control):
            self._sites.find(site)
        with self._control.change() as connection:
            connection.execute("DELETE FROM retention WHERE site = ?", (site,))
            if days is not None:
                connection.execute("INSERT INTO retention VALUES (?, ?)", (site, days))
            audit.record(connection, now, by, "site.retention", site, _show(days))


def read_rules(control: Control) -> Rules:
    """All rules."""
    with control.read() as connection:
        return dict(connection.execute("SELECT site, days FROM retention").fetchall())


def read_days(text: str) -> int | None:
    """The days of a rule as they are typed: a number, or `none` for no rule. Raises AccessError."""
    text = text.strip().lower()
    if text == "none":
        return None
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MOST_DAYS)):
        raise AccessError("{text!r} is no number of days, such as 90; 0 is for ever", text=text[:64])
    return int(text)


def days_of(domain: str, rules: Rules, otherwise: int) -> int:
    """For how many days the visits of a domain are kept: by its own rule, or that of the longest wildcard."""
    host = host_of(domain)
    if host in rules:
        return rules[host]
    wildcards = [site for site in rules if is_wildcard(site) and includes(site, host)]
    return rules[max(wildcards, key=len)] if wildcards else otherwise


def _show(days: int | None) -> str:
    return "none" if days is None else f"{days} days" if days else "for ever"
