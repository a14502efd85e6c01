"""What a command reads the files of other programs with: the rules of the server, without its state."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from prisme.base.errors import InputError
from prisme.imports.pipeline import Pipeline
from prisme.imports.rule_of_visits import RuleOfVisits
from prisme.imports.tally import Tally
from prisme.operations.import_rules import ImportRules
from prisme.visit.bots import Bots
from prisme.visit.geo import Geo
from prisme.visit.geo_file import GeoError, GeoSource
from prisme.visit.origins import Hosts
from prisme.visit.sites import Rules, Sites
from prisme.visit.useragent import UserAgents

if TYPE_CHECKING:
    from prisme.imports.reading import Format

_OWN = "prisme"


def make_pipeline(
    form: "Format", rules: ImportRules, site: str, tally: Tally, closing: contextlib.ExitStack
) -> Pipeline:
    """A pass over the files of a format; `site` counts as registered. Raises InputError.

    `closing` closes the country file.
    """
    how = Rules(tuple(rules.aliases.items()), rules.page_parameters, rules.trailing_slash, rules.ignored_referrers)
    sites = Sites(Hosts([*rules.sites, *([site] if site else [])]), how)
    try:
        file = GeoSource([Path(path) for path in rules.countries]).open()
    except GeoError as error:
        raise InputError(str(error)) from error
    geo = Geo(file, rules.geoip_precision)
    closing.callback(geo.close)
    user_agents = UserAgents(Bots(rules.bot_filter, rules.bot_allow).refuse)
    rule = RuleOfVisits(form.name, sites, user_agents, geo, tally, rules.inactive_ttl, rules.most_visits)
    return Pipeline(rule, sites, tally, rules.now, is_own=form.name == _OWN)
