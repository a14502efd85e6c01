"""The table of options through `load`, and docs/configuration.md, whose reference is generated here.

Run `python -m tests.runtime.test_config` to write it anew.
"""

import re
import sys
import tomllib
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from prisme.runtime.clickhouse_types import Endpoint
from prisme.runtime.config import Config, load
from prisme.runtime.option import flag, key, variable
from prisme.runtime.options import OPTIONS
from tests.runtime.settings import DEFAULTS, MACHINE, mistakes, read

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
MARK = "<!-- From here on, generated from the table of options: python -m tests.runtime.test_config -->\n"
_SECOND = Endpoint("db2.example", 1, False)
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
    "access_log_ip": ("full", "full"),
    "debug": ("true", True),
    "base_path": ("stats/", "/stats"),
    "trust_proxy": ("true", "true"),
    "proxy_header": ("CF-Connecting-IP", "CF-Connecting-IP"),
    "proxy_hops": ("2", 2),
    "proxy_request_id_header": ("X-Trace", "X-Trace"),
    "log_format": ("text", "text"),
    "api_events_rate_limit": ("0", 0),
    "page_parameters": ("id, t,id", ("id", "t")),
    "trailing_slash": ("drop", "drop"),
    "ignored_referrers": ("Pay.example.com,*.Example.org", ("pay.example.com", "*.example.org")),
    "api_stats_timeout": ("1m", 60.0),
    "api_stats_rate_limit": ("30", 30),
    "api_stats_allow_origins": (
        "https://a.example, http://b.example:8080",
        ("https://a.example", "http://b.example:8080"),
    ),
    "bot_filter": ("basic", "basic"),
    "bot_allow": ("^MyApp/, okhttp", ("^MyApp/", "okhttp")),
    "geoip_db": (__file__, Path(__file__)),
    "geoip_precision": ("region", "region"),
    "sessionstorage_session_inactive_ttl": ("1h", 3600.0),
    "sessionstorage_max_sessions_per_visitor": ("8", 8),
    "eventstore_max_batch_size": ("1", 1),
    "eventstore_max_batch_timeout": ("250ms", 0.25),
    "eventstore_fsync": ("always", "always"),
    "min_free_space": ("1GiB", 1 << 30),
    "retention_days": ("90", 90),
    "duckdb_memory_limit": ("512MB", 512_000_000),
    "duckdb_threads": ("3", 3),
    "clickhouse_url": ("https://db1.example, http://db2.example:1", (Endpoint("db1.example", 8443, True), _SECOND)),
    "clickhouse_database": ("stats", "stats"),
    "clickhouse_cluster": ("main", "main"),
    "clickhouse_user_file": (__file__, Path(__file__)),
    "clickhouse_password_file": (__file__, Path(__file__)),
    "clickhouse_ca_file": (__file__, Path(__file__)),
}
# These come together, or need another one; test_tls.py, test_node.py and test_clickhouse_types.py set them.
TOGETHER = {"eventstore", "tls_certificate", "tls_key", "sites_url", "sites_token_file"}


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
            words = f"{option.about} Value: {option.type.expected}.".replace("*.", "\\*.")
            lines.append(f"| `{option.name}` | {shown} | {words} |")
    return "\n".join(lines) + "\n"


def write_page() -> None:
    text, mark, _ = PAGE.read_text().partition(MARK)
    PAGE.write_text(text + mark + reference())


if __name__ == "__main__":
    write_page()
    sys.exit()
