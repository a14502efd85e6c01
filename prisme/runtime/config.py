"""The configuration: defaults < prisme.toml < environment < flags, read by the table of options into one struct.

Every mistake is collected and told at once. It decides nothing that a single option does not.
"""

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from prisme.runtime import tls
from prisme.runtime.machine import Machine, this_machine
from prisme.runtime.options import CONFIG, GONE, OPTIONS, Option, flag, key, variable


class Config(msgspec.Struct, frozen=True):
    """One field for each option: durations in seconds, sizes in bytes, paths as written."""

    origins: tuple[str, ...]
    aliases: tuple[tuple[str, str], ...]  # an alias and its site, both normal, no alias twice and no site an alias
    mode: Literal["default", "ingestion"]
    host: str
    port: int
    tls_certificate: Path | None  # None is HTTP
    tls_key: Path | None
    data_dir: Path
    admin_hostport: tuple[str, int] | None  # None is off
    access_log: Path | None  # None is off
    access_log_ip: Literal["full", "masked", "none"]
    debug: bool
    trust_proxy: Literal["auto", "true", "false"]
    proxy_header: str
    proxy_hops: int
    proxy_request_id_header: str
    api_events_rate_limit: int  # events a minute; 0 is no limit
    page_parameters: tuple[str, ...]
    trailing_slash: Literal["keep", "drop"]
    ignored_referrers: tuple[str, ...]  # hosts, or `*.` and a host; all normal
    bot_filter: Literal["strict", "basic", "off"]
    bot_allow: tuple[str, ...]
    geoip_db: Path | None  # None is the bundled one
    sessionstorage_session_inactive_ttl: float
    sessionstorage_max_sessions_per_visitor: int
    api_stats_timeout: float
    api_stats_allow_origins: tuple[str, ...]
    eventstore_max_batch_size: int
    eventstore_max_batch_timeout: float
    eventstore_fsync: Literal["always", "interval", "never"]
    min_free_space: int  # 0 is none
    duckdb_memory_limit: int
    duckdb_threads: int

    @property
    def scheme(self) -> str:
        """Of the public server's URLs."""
        return "https" if self.tls_certificate else "http"


class Mistakes(Exception):  # noqa: N818  # it is several errors
    """The configuration is wrong: `messages` has every mistake, each with its source and how to mend it.

    `notices` has what would only have been worth a warning.
    """

    def __init__(self, messages: list[str], notices: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages
        self.notices = notices


class Source(NamedTuple):
    """A place where options are set: `given` by the names that `spell` makes of the options' own."""

    place: str
    spell: Callable[[str], str]
    given: Mapping[str, object]

    def find(self, option: Option) -> list[tuple[str, object]]:
        """What is set here, under any of the option's names: where exactly, and the value."""
        spelled = [self.spell(name) for name in option.names]
        return [(f"{self.place} {name}", self.given[name]) for name in spelled if name in self.given]

    def unknown(self, *more: str) -> list[str]:
        """What is set here and is no option, nor one of `more`: a sentence for each, with the nearest name."""
        known = {self.spell(name): name for option in OPTIONS for name in option.names}
        known.update((self.spell(name), name) for name in more)
        return [
            f"{self.place} {name} is a table, and options stand in none: write them above the first table"
            if isinstance(value, dict)
            else f"{self.place} {name} is unknown{suggest(name, known)}"
            for name, value in self.given.items()
            if name not in known and name not in self._spell_gone()
        ]

    def gone(self) -> list[str]:
        """What is set here and was an option once: a sentence for each."""
        gone = self._spell_gone()
        return [f"{self.place} {name} changes nothing: {gone[name]}; remove it" for name in self.given if name in gone]

    def _spell_gone(self) -> dict[str, str]:
        return {self.spell(name): why for name, why in GONE.items()}


def load(
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    folder: Path = Path(),
    machine: Machine | None = None,
    checks: Mapping[str, Callable[[Any], object]] | None = None,
) -> tuple[Config, list[str]]:
    """The configuration, and notices for the operator; Mistakes where there is any.

    `flags` is keyed as written (`--data-dir`), `environ` likewise; `folder` is where prisme.toml may be. `checks` are
    asked about the value of the option that they are keyed by, and raise ValueError with what is wrong.
    """
    machine = machine or this_machine()
    mistakes: list[str] = []
    given = {name: value for name, value in sorted(environ.items()) if name.startswith("PRISME_")}
    by_flag = Source("flag", flag, flags)
    by_variable = Source("environment", variable, given)
    by_key = _read_file((by_flag, by_variable), folder, mistakes)

    mistakes += by_flag.unknown(CONFIG)
    notices = [f"{sentence} (it is ignored)" for sentence in [*by_variable.unknown(CONFIG), *by_key.unknown()]]
    notices += [sentence for source in (by_flag, by_variable, by_key) for sentence in source.gone()]
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for option in OPTIONS:
        found = next(filter(None, (source.find(option) for source in (by_flag, by_variable, by_key))), [])
        if not found and option.unset:
            notices.append(option.unset)
        places[option.name] = " and ".join(place for place, _ in found) or "default"
        check = (checks or {}).get(option.name)
        try:
            values[option.name] = _settle(option, found, machine, check)
        except ValueError as error:
            mistakes.append(f"{option.name} ({places[option.name]}): {error}")
    if {tls.CERTIFICATE, tls.KEY} <= set(values):
        fault = tls.find_fault(values[tls.CERTIFICATE], values[tls.KEY])
        if fault:
            mistakes.append(f"{fault[0]} ({places[fault[0]]}): {fault[1]}")
    if mistakes:
        raise Mistakes(mistakes, notices)
    return Config(**values), notices


def suggest(word: str, known: Mapping[str, str]) -> str:
    """The end of a sentence: a question for the nearest of the known names, each with its plain form; or empty."""
    meant = word.removeprefix("PRISME_").removeprefix("--").lower().replace("-", "_")
    # Half the letters in common is less than the usual 0.6: names are long, and a question is cheap.
    near = difflib.get_close_matches(meant, known.values(), n=1, cutoff=0.5)
    return next((f"; did you mean {name}?" for name, plain in known.items() if [plain] == near), "")


def _settle(
    option: Option, found: list[tuple[str, object]], machine: Machine, check: Callable[[Any], object] | None
) -> Any:
    """The option's value from where it was found, or its default."""
    values = [option.kind.read(raw) for _, raw in found] or [option.kind.read(option.default)]
    if any(value != values[0] for value in values):
        raise ValueError("these are two names of one option and say different things: keep one of them")
    value = values[0](machine) if callable(values[0]) else values[0]
    if check:
        check(value)
    return value


def _read_file(naming: Iterable[Source], folder: Path, mistakes: list[str]) -> Source:
    """The file that a flag or a variable names, else prisme.toml where there is one; what is wrong with it is added."""
    named = [
        (f"{CONFIG} ({source.place} {source.spell(CONFIG)}): ", str(source.given[source.spell(CONFIG)]))
        for source in naming
        if source.spell(CONFIG) in source.given
    ]
    where, name = named[0] if named else ("", "prisme.toml")
    path = folder / name
    given: dict[str, Any] = {}
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            mistakes.append(f"{where}there is no file {name!r}: correct the path, or leave the option out")
    except OSError as error:
        mistakes.append(f"{where}{name!r} cannot be read ({error.strerror}): name a file that this user may read")
    except UnicodeDecodeError:
        mistakes.append(f"{where}{name!r} is not UTF-8: save it as UTF-8 text")
    except (ValueError, RecursionError) as error:  # its own errors, a number of 5,000 digits, a list in a list in ...
        mistakes.append(f'{where}{name!r} is not TOML: {error}; write as in port = 8000 or host = "127.0.0.1"')
    return Source(f"file {name} key", key, given)
