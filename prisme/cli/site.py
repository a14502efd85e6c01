"""`prisme site`: add, remove and list sites and their aliases, with or without a running server."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prisme.cli.access import add_command, make_parser, print_table, run, show_day

if TYPE_CHECKING:
    from prisme.access.grants import Grant
    from prisme.access.retention import Retention
    from prisme.access.sites import Site, SiteList
    from prisme.runtime.config import Config
    from prisme.store.control import Control

SUMMARY = "add, remove and list sites, without a restart"

_ABOUT = """\
Manage the sites whose pages are counted, beside those of the option origins.
  prisme site add example.com --alias www.example.com
  prisme site add '*.example.com'
  prisme site alias example.com www.example.com
  prisme site list
A running server counts them within about a second, without a restart.
"""


def command(words: Sequence[str]) -> int:
    """`prisme site`."""
    return run(make_site_parser(), words, _do)


def make_site_parser() -> argparse.ArgumentParser:
    """The parser of `prisme site`."""
    parser, commands = make_parser("site", _ABOUT)
    add = add_command(commands, "add", "count a site's pages")
    add.add_argument("host", metavar="HOST", help="such as example.com, or *.example.com for all its subdomains")
    add.add_argument(
        "--alias",
        dest="aliases",
        action="append",
        default=[],
        metavar="HOST",
        help="another host of the site, whose pages count as the site's; may be repeated",
    )
    alias = add_command(commands, "alias", "count the pages of other hosts as a site's, or no longer")
    alias.add_argument("host", metavar="SITE", help="the site, such as example.com")
    alias.add_argument("aliases", nargs="+", metavar="HOST", help="its other hosts, such as www.example.com")
    alias.add_argument("--remove", action="store_true", help="remove these aliases")
    remove = add_command(commands, "remove", "refuse a site's events from now on; its figures stay")
    remove.add_argument("host", metavar="HOST", help="a site that was added, as in the list")
    retention = add_command(commands, "retention", "show or set for how many days the visits of a site are kept")
    retention.add_argument("host", metavar="HOST", help="a site, as in the list")
    retention.add_argument(
        "days",
        metavar="DAYS",
        nargs="?",
        help="such as 90; 0: for ever; none: as the option retention_days says, which is the default",
    )
    add_command(commands, "list", "list all sites: of the options as this command reads them, and those added")
    return parser


def _do(flags: argparse.Namespace, control: "Control", by: "Grant", now: int, config: "Config") -> None:
    from prisme.access.retention import Retention
    from prisme.access.sites import SiteList

    sites = SiteList(control, config.origins, config.aliases)
    if flags.command == "add":
        site = sites.add(by, flags.host, now, flags.aliases)
        print(f"added {site.name}{_list_aliases(site)}; a running server counts it within about a second")
    elif flags.command == "remove":
        learned_from = sites.remove(by, flags.host, now)
        print(f"removed {flags.host}; its figures stay")
        if learned_from:
            print(f"it is still counted, as {learned_from} has it")
    elif flags.command == "retention":
        _keep(Retention(control, sites), flags, by, now, config)
    elif flags.command == "alias":
        _change_aliases(sites, flags, by, now)
    else:
        _print(sites.list(), sites.learned_from())


def _change_aliases(sites: "SiteList", flags: argparse.Namespace, by: "Grant", now: int) -> None:
    hosts = ", ".join(flags.aliases)
    if flags.remove:
        sites.change_aliases(by, flags.host, now, remove=flags.aliases)
        print(f"removed {hosts} from the aliases of {flags.host}")
    else:
        sites.change_aliases(by, flags.host, now, add=flags.aliases)
        print(f"pages on {hosts} count as those on {flags.host}")


def _keep(rules: "Retention", flags: argparse.Namespace, by: "Grant", now: int, config: "Config") -> None:
    from prisme.access.retention import read_days

    if flags.days is not None:
        rules.save(by, flags.host, read_days(flags.days), now)
    days = rules.find(flags.host)
    origin = "as the option retention_days says" if days is None else "by a rule of its own"
    days = config.retention_days if days is None else days
    print(f"visits of {flags.host} are kept {f'for {days} days' if days else 'for ever'}, {origin}")
    if flags.days is not None and days:
        print(
            f"a running server deletes older ones within a day: `prisme delete --site '{flags.host}' "
            f"--before now-{days}d/d --dry-run` counts them"
        )


def _list_aliases(site: "Site") -> str:
    return f" with {', '.join(alias.host for alias in site.aliases)}" if site.aliases else ""


def _print(sites: "list[Site]", learned_from: str) -> None:
    rows = [
        (
            site.name,
            learned_from if site.source == "learned" else site.source,
            " ".join(alias.host for alias in site.aliases) or "-",
            "-" if site.created is None else show_day(site.created),
            site.creator or "-",
        )
        for site in sites
    ]
    print_table(("site", "from", "aliases", "added", "by"), rows, "no sites yet: add one with `prisme site add HOST`")
