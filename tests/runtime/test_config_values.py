"""Which values options take, as text and in the file's own types, and what is said of all others."""

import re
from pathlib import Path

import pytest

from prisme.runtime.option import flag, variable
from tests.runtime.settings import mistakes, read


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
        ("base_path", "", ""),
        ("base_path", "/", ""),
        ("base_path", "stats", "/stats"),
        ("base_path", "/stats/", "/stats"),
        ("base_path", "/a/b-c_d.e~f", "/a/b-c_d.e~f"),
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
        ("host", "localhost", "127.0.0.1"),
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
        ("port", "0", "0 would take a different free port at every start"),
        ("port", "65536", "'65536' is not a port from 1 to 65535"),
        ("port", "-1", "'-1' is not a port"),
        ("port", "8O80", "'8O80' is not a port"),
        ("port", "٨٠", "is not a port"),
        ("port", "9" * 5000, "is not a port"),
        ("port", "", "the value is missing: write a port from 1 to 65535"),
        ("port", "tcp://10.0.0.1:80", "Kubernetes"),
        ("host", "example", "'example' is not an IP address: 0.0.0.0"),
        ("host", "[::1]", "is not an IP address"),
        ("host", "0.0.0.0:80", "is not an IP address"),
        ("data_dir", "", "the value is missing: write a path"),
        ("data_dir", "~/prisme", "write the full path"),
        ("debug", "maybe", "'maybe' is not true or false"),
        ("trust_proxy", "", "write auto, true or false"),
        ("trust_proxy", "Auto", "'Auto' is not auto, true or false"),
        ("aliases", "www.a.example", "'www.a.example' is not two hosts separated by =, as in www."),
        ("aliases", "a.example=b.example=c.example", "is not two hosts"),
        ("aliases", "=a.example", "'' in '=a.example' is not a host"),
        ("aliases", "www.a.example=https://a.example", "'https://a.example' in"),
        ("aliases", "*.a.example=a.example", "'*.a.example' in"),
        ("aliases", "A.example=a.example", "'A.example=a.example' makes a host an alias of itself"),
        ("aliases", "w.a.example=a.example,w.a.example=b.example", "makes w.a.example an alias of a second site"),
        ("aliases", "x.example=w.example,w.example=a.example", "uses an alias as the site: write x.example=a.example"),
        ("aliases", "a.example=b.example,b.example=a.example", "uses an alias as the site"),
        ("aliases", "w.a.example=a.example,", "'' is not two hosts"),
        ("page_parameters", "id,,t", "'': write only the names"),
        ("page_parameters", "id=1", "'id=1': write only the names"),
        ("page_parameters", "?id", "'?id': write only the names"),
        ("trailing_slash", "add", "is not one of keep, drop"),
        ("ignored_referrers", "https://pay.example.com, *.com,a b", "'https://pay.example.com', '*.com', 'a b': write"),
        ("ignored_referrers", "pay.example.com:443", "'pay.example.com:443': write only a host"),
        ("ignored_referrers", "*.[::1]", "'*.[::1]': write only a host"),
        ("ignored_referrers", "*", "'*': write only a host"),
        ("min_free_space", "", "the value is missing: write a size up to 1000TB"),
        ("min_free_space", "256", "'256' is not a size up to 1000TB, such as 512MB, or 0"),
        ("min_free_space", "-1MB", "is not a size"),
        ("min_free_space", "1001TB", "is not a size"),
        ("min_free_space", "5%", "is not a size"),
        ("proxy_header", "X Forwarded", "is not a header name"),
        ("proxy_request_id_header", "", "write a header name"),
        ("proxy_hops", "0", "'0' is not a whole number from 1 to 100"),
        ("api_events_rate_limit", "-1", "is not a whole number from 0 to"),
        ("api_events_rate_limit", "1.5", "is not a whole number"),
        ("bot_filter", "Strict", "is not one of strict, basic, off"),
        ("bot_allow", "a,(", "'(' is not a regular expression"),
        ("bot_allow", "a,,b", "pattern 2 is empty"),
        ("bot_allow", "a{99999999999}", "is not a regular expression"),
        ("geoip_db", "/no/such.mmdb", "there is no file '/no/such.mmdb'"),
        ("geoip_db", "/", "there is no file '/'"),
        ("geoip_precision", "town", "is not one of country, region, city"),
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
        ("base_path", "https://a.example/stats", "is a URL: write only its path, such as /stats"),
        ("base_path", "//a.example", "is a URL"),
        ("base_path", "/a//b", "has two slashes in a row"),
        ("base_path", "/a/../b", "has a segment '..', which browsers remove"),
        ("base_path", "/.", "has a segment '.'"),
        ("base_path", "/a b", "may only have letters, digits and . _ ~ - between its slashes, such as /stats"),
        ("base_path", "/%2e%2e", "may only have letters"),
        ("base_path", "/caf\u00e9", "may only have letters"),
        ("base_path", "/a?b", "may only have letters"),
        ("base_path", "/a\\b", "may only have letters"),
        ("base_path", "/" + "a" * 128, "the path has 129 characters: write at most 128"),
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


def test_every_bad_pattern_is_named(tmp_path: Path) -> None:
    (message,) = mistakes(tmp_path, file="bot_allow = ['(', 'fine', '[']")
    assert "'('" in message
    assert "'['" in message
    assert "fine" not in message
