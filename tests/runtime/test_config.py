"""The table of options through `load`, and docs/configuration.md, whose reference is generated here.

Run `python -m tests.runtime.test_config` to write it anew.
"""

import re
import sys
import tomllib
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pytest

from prisme.runtime.config import Config, Mistakes, load
from prisme.runtime.machine import Machine
from prisme.runtime.options import GONE, OPTIONS, flag, key, variable

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
MARK = "<!-- From here on, generated from the table of options: python -m tests.runtime.test_config -->\n"
MACHINE = Machine(memory=4_000_000_000, cores=6)

IGNORED = tuple(next(str(option.default) for option in OPTIONS if option.name == "ignored_referrers").split(","))

DEFAULTS = Config(
    origins=("localhost", "127.0.0.1"),
    aliases=(),
    mode="default",
    host="0.0.0.0",
    port=8000,
    tls_certificate=None,
    tls_key=None,
    data_dir=Path("./prisme-data"),
    admin_hostport=("127.0.0.1", 9090),
    access_log=Path("/dev/stdout"),
    access_log_ip="full",
    debug=False,
    trust_proxy="auto",
    proxy_header="X-Forwarded-For",
    proxy_hops=1,
    proxy_request_id_header="X-Request-Id",
    api_events_rate_limit=60,
    page_parameters=(),
    trailing_slash="keep",
    ignored_referrers=IGNORED,
    api_stats_timeout=10.0,
    api_stats_allow_origins=(),
    bot_filter="strict",
    bot_allow=(),
    geoip_db=None,
    sessionstorage_session_inactive_ttl=1800.0,
    sessionstorage_max_sessions_per_visitor=64,
    eventstore_max_batch_size=65536,
    eventstore_max_batch_timeout=1.0,
    eventstore_fsync="interval",
    min_free_space=256_000_000,
    duckdb_memory_limit=1_000_000_000,
    duckdb_threads=6,
)
# One value for each option, as text, and what it is read as; none is the default.
TEXTS: dict[str, tuple[str, object]] = {
    "origins": ("example.com, *.example.org", ("example.com", "*.example.org")),
    "aliases": (
        "www.Example.com = example.com, www.b\u00fccher.example=xn--bcher-kva.example",
        (("www.example.com", "example.com"), ("www.xn--bcher-kva.example", "xn--bcher-kva.example")),
    ),
    "mode": ("ingestion", "ingestion"),
    "host": ("::1", "::1"),
    "port": ("80", 80),
    "data_dir": ("/var/lib/prisme", Path("/var/lib/prisme")),
    "admin_hostport": ("[::1]:9999", ("::1", 9999)),
    "access_log": ("access.log", Path("access.log")),
    "access_log_ip": ("masked", "masked"),
    "debug": ("true", True),
    "trust_proxy": ("true", "true"),
    "proxy_header": ("CF-Connecting-IP", "CF-Connecting-IP"),
    "proxy_hops": ("2", 2),
    "proxy_request_id_header": ("X-Trace", "X-Trace"),
    "api_events_rate_limit": ("0", 0),
    "page_parameters": ("id, t,id", ("id", "t")),
    "trailing_slash": ("drop", "drop"),
    "ignored_referrers": ("Pay.example.com,*.Example.org", ("pay.example.com", "*.example.org")),
    "api_stats_timeout": ("1m", 60.0),
    "api_stats_allow_origins": (
        "https://a.example, http://b.example:8080",
        ("https://a.example", "http://b.example:8080"),
    ),
    "bot_filter": ("basic", "basic"),
    "bot_allow": ("^MyApp/, okhttp", ("^MyApp/", "okhttp")),
    "geoip_db": (__file__, Path(__file__)),
    "sessionstorage_session_inactive_ttl": ("1h", 3600.0),
    "sessionstorage_max_sessions_per_visitor": ("8", 8),
    "eventstore_max_batch_size": ("1", 1),
    "eventstore_max_batch_timeout": ("250ms", 0.25),
    "eventstore_fsync": ("always", "always"),
    "min_free_space": ("1GiB", 1 << 30),
    "duckdb_memory_limit": ("512MB", 512_000_000),
    "duckdb_threads": ("3", 3),
}
# These come together; tests/runtime/test_tls.py sets them.
TOGETHER = {"tls_certificate", "tls_key"}


def read(
    folder: Path, flags: dict[str, str] | None = None, environ: dict[str, str] | None = None, file: str = ""
) -> Config:
    """The configuration without its notices; `file` is the text of a prisme.toml."""
    if file:
        (folder / "prisme.toml").write_text(file)
    return load(flags or {}, environ or {}, folder, MACHINE)[0]


def mistakes(folder: Path, **given: Any) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        read(folder, **given)
    assert str(caught.value) == "\n".join(caught.value.messages)
    return caught.value.messages


def test_defaults(tmp_path: Path) -> None:
    assert read(tmp_path) == DEFAULTS


def test_the_table_and_the_struct_have_the_same_names() -> None:
    assert Config.__struct_fields__ == tuple(option.name for option in OPTIONS)
    assert set(TEXTS) | TOGETHER == set(Config.__struct_fields__)


def test_no_two_options_share_a_name() -> None:
    names = [name for option in OPTIONS for name in option.names]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("source", ["flag", "environment", "file"])
def test_each_option_from_each_source(tmp_path: Path, source: str, name: str) -> None:
    text, expected = TEXTS[name]
    by_source: dict[str, dict[str, Any]] = {
        "flag": {"flags": {flag(name): text}},
        "environment": {"environ": {variable(name): text}},
        "file": {"file": f"{key(name)} = '{text}'"},
    }
    config = read(tmp_path, **by_source[source])
    assert getattr(config, name) == expected != getattr(DEFAULTS, name)
    others = [other for other in Config.__struct_fields__ if other != name]
    assert [getattr(config, other) for other in others] == [getattr(DEFAULTS, other) for other in others]


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("port = 80", "port", 80),
        ("debug = true", "debug", True),
        ("api_events_rate_limit = 0", "api_events_rate_limit", 0),
        ("duckdb_threads = 2", "duckdb_threads", 2),
        ('origins = ["a.example", " b.example "]', "origins", ("a.example", "b.example")),
        ('origin_registry_origins = ["a.example"]', "origins", ("a.example",)),
        ("bot_allow = ['a{1,2}', 'b']", "bot_allow", ("a{1,2}", "b")),
        ("bot_allow = []", "bot_allow", ()),
        ("aliases = ['www.a.example=a.example']", "aliases", (("www.a.example", "a.example"),)),
        ("page_parameters = ['id', 't']", "page_parameters", ("id", "t")),
        ("ignored_referrers = []", "ignored_referrers", ()),
        ("min_free_space = 0", "min_free_space", 0),
        ("trust_proxy = true", "trust_proxy", "true"),
        ("trust_proxy = false", "trust_proxy", "false"),
    ],
)
def test_the_files_own_types(tmp_path: Path, line: str, name: str, expected: object) -> None:
    assert getattr(read(tmp_path, file=line), name) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("eventstore_max_batch_timeout", "10ms", 0.01),
        ("eventstore_max_batch_timeout", "1.5s", 1.5),
        ("eventstore_max_batch_timeout", "1h", 3600.0),
        ("sessionstorage_session_inactive_ttl", "1m", 60.0),
        ("sessionstorage_session_inactive_ttl", "24h", 86400.0),
        ("min_free_space", "0", 0),
        ("min_free_space", "1.5 gb", 1_500_000_000),
        ("trust_proxy", "on", "true"),
        ("trust_proxy", "No", "false"),
        ("aliases", "", ()),
        ("page_parameters", "page[id]", ("page[id]",)),
        ("ignored_referrers", "", ()),
        ("ignored_referrers", "[::1]", ("[::1]",)),
        ("sessionstorage_session_inactive_ttl", "1h30m", 5400.0),
        ("duckdb_memory_limit", "64MB", 64_000_000),
        ("duckdb_memory_limit", "64MiB", 64 << 20),
        ("duckdb_memory_limit", "1.5 gb", 1_500_000_000),
        ("duckdb_memory_limit", "2TiB", 2 << 40),
        ("duckdb_memory_limit", "50%", 2_000_000_000),
        ("duckdb_memory_limit", "1%", 128_000_000),
        ("duckdb_threads", "all", 6),
        ("debug", "TRUE", True),
        ("debug", "1", True),
        ("debug", "no", False),
        ("port", " 65535 ", 65535),
        ("host", "::", "::"),
        ("data_dir", "with blank", Path("with blank")),
        ("bot_allow", "", ()),
        ("geoip_db", "", None),
        ("bot_filter", "off", "off"),
        ("eventstore_fsync", "never", "never"),
    ],
)
def test_texts_that_are_read(tmp_path: Path, name: str, text: str, expected: object) -> None:
    value = getattr(read(tmp_path, flags={flag(name): text}), name)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("port", "0", "0 would take another free port at every start"),
        ("port", "65536", "'65536' is not a port from 1 to 65535"),
        ("port", "-1", "'-1' is not a port"),
        ("port", "8O80", "'8O80' is not a port"),
        ("port", "٨٠", "is not a port"),
        ("port", "9" * 5000, "is not a port"),
        ("port", "", "the value is missing: write a port from 1 to 65535"),
        ("port", "tcp://10.0.0.1:80", "Kubernetes"),
        ("host", "localhost", "'localhost' is not an IP address: 0.0.0.0"),
        ("host", "[::1]", "is not an IP address"),
        ("host", "0.0.0.0:80", "is not an IP address"),
        ("data_dir", "", "the value is missing: write a path"),
        ("data_dir", "~/prisme", "write the whole path"),
        ("debug", "maybe", "'maybe' is not true or false"),
        ("trust_proxy", "", "write auto, true or false"),
        ("trust_proxy", "Auto", "'Auto' is not auto, true or false"),
        ("aliases", "www.a.example", "'www.a.example' is not two hosts with = between them: write it as in www."),
        ("aliases", "a.example=b.example=c.example", "is not two hosts"),
        ("aliases", "=a.example", "'' in '=a.example' is not a host"),
        ("aliases", "www.a.example=https://a.example", "'https://a.example' in"),
        ("aliases", "*.a.example=a.example", "'*.a.example' in"),
        ("aliases", "A.example=a.example", "'A.example=a.example' makes a host an alias of itself"),
        ("aliases", "w.a.example=a.example,w.a.example=b.example", "makes w.a.example an alias of a second site"),
        ("aliases", "x.example=w.example,w.example=a.example", "names an alias as the site: write x.example=a.example"),
        ("aliases", "a.example=b.example,b.example=a.example", "names an alias as the site"),
        ("aliases", "w.a.example=a.example,", "'' is not two hosts"),
        ("page_parameters", "id,,t", "'': write the names alone"),
        ("page_parameters", "id=1", "'id=1': write the names alone"),
        ("page_parameters", "?id", "'?id': write the names alone"),
        ("trailing_slash", "add", "is not one of keep, drop"),
        ("ignored_referrers", "https://pay.example.com, *.com,a b", "'https://pay.example.com', '*.com', 'a b': write"),
        ("ignored_referrers", "pay.example.com:443", "'pay.example.com:443': write a host alone"),
        ("ignored_referrers", "*.[::1]", "'*.[::1]': write a host alone"),
        ("ignored_referrers", "*", "'*': write a host alone"),
        ("min_free_space", "", "the value is missing: write a size up to 1000TB"),
        ("min_free_space", "256", "'256' is not a size up to 1000TB, such as 512MB, or 0"),
        ("min_free_space", "-1MB", "is not a size"),
        ("min_free_space", "1001TB", "is not a size"),
        ("min_free_space", "5%", "is not a size"),
        ("proxy_header", "X Forwarded", "is not a header's name"),
        ("proxy_request_id_header", "", "write a header's name"),
        ("proxy_hops", "0", "'0' is not a whole number from 1 to 100"),
        ("api_events_rate_limit", "-1", "is not a whole number from 0 to"),
        ("api_events_rate_limit", "1.5", "is not a whole number"),
        ("bot_filter", "Strict", "is not one of strict, basic, off"),
        ("bot_allow", "a,(", "'(' is no regular expression"),
        ("bot_allow", "a,,b", "pattern 2 is empty"),
        ("bot_allow", "a{99999999999}", "is no regular expression"),
        ("geoip_db", "/no/such.mmdb", "there is no file '/no/such.mmdb'"),
        ("geoip_db", "/", "there is no file '/'"),
        ("geoip_db", "x" * 5000, "cannot be read"),
        ("sessionstorage_session_inactive_ttl", "24", "is not a duration from 10ms to 24h, such as"),
        ("sessionstorage_session_inactive_ttl", "1d", "is not a duration"),
        ("sessionstorage_session_inactive_ttl", "-1s", "is not a duration"),
        ("sessionstorage_session_inactive_ttl", "1441m", "is not a duration"),
        ("sessionstorage_max_sessions_per_visitor", "0", "is not a whole number from 1 to"),
        ("eventstore_max_batch_size", "0", "is not a whole number from 1 to"),
        ("eventstore_max_batch_timeout", "0s", "is not a duration from 10ms"),
        ("eventstore_max_batch_timeout", "9ms", "is not a duration from 10ms"),
        ("eventstore_fsync", "sometimes", "is not one of always, interval, never"),
        ("duckdb_memory_limit", "63MB", "is not a size from 64MB"),
        ("duckdb_memory_limit", "1001TB", "is not a size from 64MB to 1000TB"),
        ("duckdb_memory_limit", "512", "such as 512MB"),
        ("duckdb_memory_limit", "0%", "is not a size"),
        ("duckdb_memory_limit", "101%", "is not a size"),
        ("duckdb_threads", "0", "is not a whole number from 1 to 1024, or all"),
        ("duckdb_threads", "most", "or all"),
    ],
)
def test_texts_that_are_mistakes(tmp_path: Path, name: str, text: str, reason: str) -> None:
    (message,) = mistakes(tmp_path, environ={variable(name): text})
    assert message.startswith(f"{name} (environment {variable(name)}): ")
    assert reason in message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("port = 80.5", "80.5 is not a port from 1 to 65535"),
        ("port = true", "true is not a port"),
        ("port = [80]", "[80] is not a port"),
        ("debug = 1", "1 is not true or false"),
        ("host = 1", "1 is not an IP address"),
        ("eventstore_max_batch_timeout = 1", "1 is not a duration"),
        ("min_free_space = 1", "1 is not a size"),
        ("min_free_space = true", "true is not a size"),
        ("trust_proxy = 1", "1 is not auto, true or false"),
        ("page_parameters = [1]", "is not names separated by commas"),
        ("aliases = 1", "1 is not pairs of an alias"),
        ("duckdb_memory_limit = 536870912", "536870912 is not a size"),
        ("origins = 1", "1 is not hosts separated by commas"),
        ('origins = ["a.example", 1]', "is not hosts separated by commas"),
        ("bot_allow = [1]", "is not regular expressions"),
        ("data_dir = 2020-01-01", "2020-01-01 is not a path"),
        ('data_dir = "a\\u0000b"', "is not a path"),
        ("[origins]\nx = 1", "a table is not hosts"),
    ],
)
def test_wrong_types_in_the_file(tmp_path: Path, line: str, reason: str) -> None:
    name = re.findall("[a-z_]+", line)[0]
    (message,) = mistakes(tmp_path, file=line)
    assert message.startswith(f"{name} (file prisme.toml key {name}): ")
    assert reason in message


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    flags = {"--port": "3"}
    environ = {"PRISME_PORT": "2", "PRISME_PROXY_HOPS": "2"}
    file = "port = 1\nproxy_hops = 1\nduckdb_threads = 1"
    config = read(tmp_path, flags, environ, file)
    assert (config.port, config.proxy_hops, config.duckdb_threads, config.eventstore_max_batch_size) == (3, 2, 1, 65536)


def test_a_value_that_another_overrides_is_not_looked_at(tmp_path: Path) -> None:
    assert read(tmp_path, {"--port": "80"}, {"PRISME_PORT": "tcp://10.0.0.1:80"}, 'port = "no"').port == 80


def test_all_mistakes_come_together_with_their_sources(tmp_path: Path) -> None:
    def check(origins: tuple[str, ...]) -> None:
        raise ValueError(f"{origins[0]} will not do")

    (tmp_path / "prisme.toml").write_text('eventstore_fsync = "yes"\nprot = 1')
    with pytest.raises(Mistakes) as caught:
        load(
            {"--port": "x", "--prot": "1"}, {"PRISME_DEBUG": "x"}, tmp_path, MACHINE, {"origins": check}
        )  # fmt: skip
    assert caught.value.messages == [
        "flag --prot is unknown; did you mean --port?",
        "origins (default): localhost will not do",
        "port (flag --port): 'x' is not a port from 1 to 65535",
        "debug (environment PRISME_DEBUG): 'x' is not true or false",
        "eventstore_fsync (file prisme.toml key eventstore_fsync): 'yes' is not one of always, interval, never",
    ]
    assert caught.value.notices[0] == "file prisme.toml key prot is unknown; did you mean port? (it is ignored)"


def test_every_bad_pattern_is_named(tmp_path: Path) -> None:
    (message,) = mistakes(tmp_path, file="bot_allow = ['(', 'fine', '[']")
    assert "'('" in message
    assert "'['" in message
    assert "fine" not in message


@pytest.mark.parametrize(
    ("environ", "file", "sentence"),
    [
        ({"PRISME_PROT": "1"}, "", "environment PRISME_PROT is unknown; did you mean PRISME_PORT?"),
        ({"PRISME_DATADIR": "1"}, "", "environment PRISME_DATADIR is unknown; did you mean PRISME_DATA_DIR?"),
        ({"PRISME_CONFG": "1"}, "", "environment PRISME_CONFG is unknown; did you mean PRISME_CONFIG?"),
        ({"PRISME_Port": "1"}, "", "environment PRISME_Port is unknown; did you mean PRISME_PORT?"),
        ({"PRISME_XYZZY": "1"}, "", "environment PRISME_XYZZY is unknown"),
        ({}, "data-dir = 'x'", "file prisme.toml key data-dir is unknown; did you mean data_dir?"),
        ({}, "orgins = 'x'", "file prisme.toml key orgins is unknown; did you mean origins?"),
        ({}, "[server]\nport = 1", "file prisme.toml key server is a table, and options stand in none: "
         "write them above the first table"),
    ],
)  # fmt: skip
def test_unknown_names_are_warnings(tmp_path: Path, environ: dict[str, str], file: str, sentence: str) -> None:
    (tmp_path / "prisme.toml").write_text(file)
    config, notices = load({"--origins": "a.example"}, environ, tmp_path, MACHINE)
    assert notices == [f"{sentence} (it is ignored)"]
    assert config.port == 8000


@pytest.mark.parametrize(
    ("flags", "environ", "file", "place"),
    [
        ({"--api-events-timeout": "3s"}, {}, "", "flag --api-events-timeout"),
        ({}, {"PRISME_API_EVENTS_TIMEOUT": "nonsense"}, "", "environment PRISME_API_EVENTS_TIMEOUT"),
        ({}, {}, "api_events_timeout = 3", "file prisme.toml key api_events_timeout"),
    ],
    ids=["flag", "environment", "file"],
)
def test_options_that_are_gone_change_nothing(
    tmp_path: Path, flags: dict[str, str], environ: dict[str, str], file: str, place: str
) -> None:
    (tmp_path / "prisme.toml").write_text(file)
    config, notices = load(flags | {"--origins": "a.example"}, environ, tmp_path, MACHINE)
    assert notices == [f"{place} changes nothing: no event waits for its pageview any more; remove it"]
    assert config == msgspec.structs.replace(DEFAULTS, origins=("a.example",))


def test_options_that_are_gone_are_in_no_table() -> None:
    assert not set(GONE) & {name for option in OPTIONS for name in option.names}


def test_variables_of_others_are_none_of_our_business(tmp_path: Path) -> None:
    assert load({"--origins": "a.example"}, {"PORT": "1", "HOME": "/", "prisme_port": "1"}, tmp_path, MACHINE)[1] == []


@pytest.mark.parametrize(
    ("flags", "environ"),
    [
        ({"--origins": "a.example"}, {}),
        ({"--origin-registry-origins": "a.example"}, {}),
        ({}, {"PRISME_ORIGINS": "a.example"}),
        ({}, {"PRISME_ORIGIN_REGISTRY_ORIGINS": "a.example"}),
        ({"--origin-registry-origins": "a.example"}, {"PRISME_ORIGINS": "b.example"}),
        ({}, {"PRISME_ORIGINS": "a.example", "PRISME_ORIGIN_REGISTRY_ORIGINS": " a.example"}),
    ],
)
def test_origins_have_two_names(tmp_path: Path, flags: dict[str, str], environ: dict[str, str]) -> None:
    config, notices = load(flags, environ, tmp_path, MACHINE)
    assert config.origins == ("a.example",)
    assert notices == []


def test_two_names_that_say_different_things_are_a_mistake(tmp_path: Path) -> None:
    environ = {"PRISME_ORIGINS": "a.example", "PRISME_ORIGIN_REGISTRY_ORIGINS": "b.example"}
    assert mistakes(tmp_path, environ=environ) == [
        "origins (environment PRISME_ORIGINS and environment PRISME_ORIGIN_REGISTRY_ORIGINS): "
        "these are two names of one option and say different things: keep one of them"
    ]


def test_origins_that_nobody_set_are_worth_a_notice(tmp_path: Path) -> None:
    (notice,) = load({}, {}, tmp_path, MACHINE)[1]
    assert "only pages on localhost and 127.0.0.1 are counted" in notice
    for way in ("--origins", "PRISME_ORIGINS", "prisme.toml"):
        assert way in notice


def test_the_file_is_found_where_a_flag_or_a_variable_says(tmp_path: Path) -> None:
    for number, name in enumerate(("prisme.toml", "flag.toml", "variable.toml"), start=1):
        (tmp_path / name).write_text(f"port = {number}")
    environ = {"PRISME_CONFIG": str(tmp_path / "variable.toml")}
    assert read(tmp_path).port == 1
    assert read(tmp_path, environ=environ).port == 3
    assert read(tmp_path, {"--config": "flag.toml"}, environ).port == 2


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    assert mistakes(tmp_path, environ={"PRISME_CONFIG": "no.toml", "PRISME_PORT": "x"}) == [
        "config (environment PRISME_CONFIG): there is no file 'no.toml': correct the path, or leave the option out",
        "port (environment PRISME_PORT): 'x' is not a port from 1 to 65535",
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"port = 1\nhost = 0.0.0.0\n", "at line 2, column", id="no TOML"),
        pytest.param(b"port = 1\nport = 2\n", "at line 2, column", id="a key twice"),
        pytest.param(b"# caf\xe9\n", "is not UTF-8", id="Latin-1"),
        pytest.param(None, "cannot be read", id="a folder"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "prisme.toml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    (message,) = mistakes(tmp_path)
    assert message.startswith("'prisme.toml' ")
    assert reason in message
    (message,) = mistakes(tmp_path, flags={"--config": str(path)})
    assert message.startswith(f"config (flag --config): '{path}' ")


def test_the_machine_is_looked_at_where_none_is_given(tmp_path: Path) -> None:
    config, _ = load({}, {}, tmp_path)
    assert config.duckdb_memory_limit >= 128_000_000
    assert config.duckdb_threads >= 1


def test_the_pages_example_is_a_valid_file(tmp_path: Path) -> None:
    (example,) = re.findall("```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "prisme.toml").write_text(example)
    config, notices = load({}, {}, tmp_path, MACHINE)
    assert notices == []
    assert {name for name in tomllib.loads(example) if getattr(config, name) == getattr(DEFAULTS, name)} == set()


def test_the_pages_mistakes_are_what_is_told(tmp_path: Path) -> None:
    told = mistakes(tmp_path, environ={"PRISME_HOST": "localhost"}, file="port = 70000")
    for message in told:
        assert f"\n  {message}\n" in PAGE.read_text()


def test_the_page_is_up_to_date() -> None:
    _, mark, written = PAGE.read_bytes().partition(MARK.encode())
    assert mark
    assert written == reference().encode(), "run: python -m tests.runtime.test_config"


def reference() -> str:
    """The generated part of the page."""
    lines = []
    for title, options in groupby(OPTIONS, key=lambda option: option.group):
        lines += ["", f"## {title}", "", "| option | default | what it is |", "|---|---|---|"]
        for option in options:
            default = str(option.default).lower() if isinstance(option.default, bool) else option.default
            default = str(default).replace(",", "`, `") if option.name == "ignored_referrers" else default
            shown = f"`{default}`" if default != "" else "empty"
            words = f"{option.help} Value: {option.kind.form}.".replace("*.", "\\*.")
            lines.append(f"| `{option.name}` | {shown} | {words} |")
    return "\n".join(lines) + "\n"


def write_page() -> None:
    text, mark, _ = PAGE.read_text().partition(MARK)
    PAGE.write_text(text + mark + reference())


if __name__ == "__main__":
    write_page()
    sys.exit()
