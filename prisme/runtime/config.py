"""The configuration: defaults < prisme.toml < environment < flags, read by the table of options into one struct.

All errors are collected and reported together.
"""

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from prisme.runtime import event_store, node, tls
from prisme.runtime.clickhouse_types import Endpoint
from prisme.runtime.machine import Machine, this_machine
from prisme.runtime.option import Option, flag, key, variable
from prisme.runtime.options import CONFIG, OPTIONS, REMOVED


class Config(msgspec.Struct, frozen=True):
    """One field per option: durations in seconds, sizes in bytes, paths as written."""

    origins: tuple[str, ...]
    aliases: tuple[tuple[str, str], ...]  # alias and site, normalised; no alias twice, no site is an alias
    mode: Literal["default", "ingestion"]
    sites_url: str  # empty, or without a slash at the end
    sites_token_file: Path | None  # None only without sites_url
    host: str
    port: int
    tls_certificate: Path | None  # None means HTTP
    tls_key: Path | None
    data_dir: Path
    admin_hostport: tuple[str, int] | None  # None means off
    access_log: Path | None  # None means off
    access_log_ip: Literal["full", "masked", "none"]
    log_format: Literal["auto", "text", "json"]
    debug: bool
    base_path: str  # empty, or segments that each follow a slash
    trust_proxy: Literal["auto", "true", "false"]
    proxy_header: str
    proxy_hops: int
    proxy_request_id_header: str
    api_events_rate_limit: int  # events per minute; 0 means no limit
    page_parameters: tuple[str, ...]
    trailing_slash: Literal["keep", "drop"]
    ignored_referrers: tuple[str, ...]  # hosts, or `*.` and a host, normalised
    bot_filter: Literal["strict", "basic", "off"]
    bot_allow: tuple[str, ...]
    geoip_db: Path | None  # None means the installed or the bundled one
    geoip_precision: Literal["country", "region", "city"]
    sessionstorage_session_inactive_ttl: float
    sessionstorage_max_sessions_per_visitor: int
    api_stats_timeout: float
    api_stats_rate_limit: int  # requests per minute; 0 means no limit
    api_stats_allow_origins: tuple[str, ...]
    eventstore_max_batch_size: int
    eventstore_max_batch_timeout: float
    eventstore_fsync: Literal["always", "interval", "never"]
    min_free_space: int  # 0 means no minimum
    retention_days: int  # 0 means for ever
    duckdb_memory_limit: int
    duckdb_threads: int
    eventstore: Literal["duckdb", "clickhouse"]
    clickhouse_url: tuple[Endpoint, ...]  # empty only with duckdb
    clickhouse_database: str
    clickhouse_cluster: str  # empty for a single server
    clickhouse_user_file: Path | None
    clickhouse_password_file: Path | None
    clickhouse_ca_file: Path | None

    @property
    def scheme(self) -> str:
        """Of the public server's URLs."""
        return "https" if self.tls_certificate else "http"


# Options that depend on each other.
_CHECKS: Final[tuple[tuple[tuple[str, ...], Callable[..., tuple[str, str] | None]], ...]] = (
    (tls.OPTIONS, tls.find_fault),
    (node.OPTIONS, node.find_fault),
    (event_store.OPTIONS, event_store.find_fault),
)


class ConfigError(Exception):
    """The configuration is invalid: `messages` has every error, with where the value was set and how to correct it.

    `notices` has what would only have been logged as a warning.
    """

    def __init__(self, messages: list[str], notices: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages
        self.notices = notices


class Source(NamedTuple):
    """A place where options are set, such as the environment. `spell` turns an option's name into its name there."""

    place: str
    spell: Callable[[str], str]
    values: Mapping[str, object]

    def find(self, option: Option) -> list[tuple[str, object]]:
        """What is set here under any of the option's names: the place with that name, and the value."""
        names = [self.spell(name) for name in option.names]
        return [(f"{self.place} {name}", self.values[name]) for name in names if name in self.values]

    def find_unknown(self, *more: str) -> list[str]:
        """A sentence for each name that is neither an option nor one of `more`, with the closest known name."""
        known = {self.spell(name): name for option in OPTIONS for name in option.names}
        known.update((self.spell(name), name) for name in more)
        return [
            f"{self.place} {name} is a table, but options belong at the top level: move them above the first table"
            if isinstance(value, dict)
            else f"{self.place} {name} is unknown{suggest(name, known)}"
            for name, value in self.values.items()
            if name not in known and name not in self._removed
        ]

    def find_removed(self) -> list[str]:
        """A sentence for each name that was an option in an older version."""
        removed = self._removed
        return [
            f"{self.place} {name} has no effect: {removed[name]}; remove it" for name in self.values if name in removed
        ]

    @property
    def _removed(self) -> dict[str, str]:
        return {self.spell(name): reason for name, reason in REMOVED.items()}


def load(
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    folder: Path = Path(),
    machine: Machine | None = None,
    checks: Mapping[str, Callable[[Any], object]] | None = None,
) -> tuple[Config, list[str]]:
    """The configuration, and notices to log. Raises ConfigError if any option is invalid.

    `flags` and `environ` map names as written (`--data-dir`, `PRISME_DATA_DIR`) to values. `folder` is searched for
    prisme.toml. `checks` maps an option's name to a function that raises ValueError for a value it does not accept.
    """
    machine = machine or this_machine()
    errors: list[str] = []
    variables = {name: value for name, value in sorted(environ.items()) if name.startswith("PRISME_")}
    by_flag = Source("flag", flag, flags)
    by_variable = Source("environment", variable, variables)
    by_key = _read_file((by_flag, by_variable), folder, errors)
    sources = (by_flag, by_variable, by_key)

    errors += by_flag.find_unknown(CONFIG)
    notices = [f"{sentence} (ignored)" for sentence in [*by_variable.find_unknown(CONFIG), *by_key.find_unknown()]]
    notices += [sentence for source in sources for sentence in source.find_removed()]
    unset: list[str] = []
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for option in OPTIONS:
        found = next(filter(None, (source.find(option) for source in sources)), [])
        if not found and option.unset:
            unset.append(option.unset)
        places[option.name] = " and ".join(place for place, _ in found) or "default"
        check = (checks or {}).get(option.name)
        try:
            values[option.name] = _evaluate(option, found, machine, check)
        except ValueError as error:
            errors.append(f"{option.name} ({places[option.name]}): {error}")
    for names, find_fault in _CHECKS:
        if values.keys() >= {*names} and (fault := find_fault(*(values[name] for name in names))):
            errors.append(f"{fault[0]} ({places[fault[0]]}): {fault[1]}")
    if errors:
        raise ConfigError(errors, notices)
    if values[node.URL]:
        unset = []  # the sites come from elsewhere
    return Config(**values), notices + unset


def suggest(word: str, known: Mapping[str, str]) -> str:
    """The end of a sentence that suggests the closest known name, or an empty text if none is close.

    `known` maps each name as it is written to its plain form, such as `--data-dir` to `data_dir`.
    """
    plain_word = word.removeprefix("PRISME_").removeprefix("--").lower().replace("-", "_")
    # 0.5 is less than difflib's default of 0.6: names are long, and a wrong suggestion does no harm.
    closest = difflib.get_close_matches(plain_word, known.values(), n=1, cutoff=0.5)
    return next((f"; did you mean {name}?" for name, plain in known.items() if [plain] == closest), "")


def _evaluate(
    option: Option, found: list[tuple[str, object]], machine: Machine, check: Callable[[Any], object] | None
) -> Any:
    """The option's value from where it was set, or its default."""
    values = [option.type.parse(raw) for _, raw in found] or [option.type.parse(option.default)]
    if any(value != values[0] for value in values):
        raise ValueError("these two names set the same option to different values: keep only one of them")
    value = values[0](machine) if callable(values[0]) else values[0]
    if check:
        check(value)
    return value


def _read_file(sources: Iterable[Source], folder: Path, errors: list[str]) -> Source:
    """The file named by a flag or variable, else prisme.toml if it exists; its errors are appended to `errors`."""
    named = [
        (f"{CONFIG} ({source.place} {source.spell(CONFIG)}): ", str(source.values[source.spell(CONFIG)]))
        for source in sources
        if source.spell(CONFIG) in source.values
    ]
    where, name = named[0] if named else ("", "prisme.toml")
    path = folder / name
    values: dict[str, Any] = {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            errors.append(f"{where}there is no file {name!r}: correct the path, or leave the option out")
    except OSError as error:
        errors.append(f"{where}{name!r} cannot be read ({error.strerror}): give a file that this user can read")
    except UnicodeDecodeError:
        errors.append(f"{where}{name!r} is not UTF-8: save it as UTF-8")
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, integers of over 4,300 digits, deeply nested lists
        errors.append(f'{where}{name!r} is not valid TOML: {error}; examples: port = 8000, host = "127.0.0.1"')
    return Source(f"file {name} key", key, values)
