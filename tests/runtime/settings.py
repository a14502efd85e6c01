"""The configuration of a machine that is always the same, and how tests read it."""

from pathlib import Path
from typing import Any

import pytest

from prisme.runtime.config import Config, ConfigError, load
from prisme.runtime.machine import Machine
from prisme.runtime.options import OPTIONS

MACHINE = Machine(memory=4_000_000_000, cores=6)

IGNORED = tuple(next(str(option.default) for option in OPTIONS if option.name == "ignored_referrers").split(","))

DEFAULTS = Config(
    origins=("localhost", "127.0.0.1"),
    aliases=(),
    mode="default",
    sites_url="",
    sites_token_file=None,
    host="0.0.0.0",
    port=8000,
    tls_certificate=None,
    tls_key=None,
    data_dir=Path("./prisme-data"),
    admin_hostport=("127.0.0.1", 9090),
    access_log=Path("/dev/stdout"),
    access_log_ip="masked",
    log_format="auto",
    debug=False,
    base_path="",
    trust_proxy="auto",
    proxy_header="X-Forwarded-For",
    proxy_hops=1,
    proxy_request_id_header="X-Request-Id",
    api_events_rate_limit=60,
    page_parameters=(),
    trailing_slash="keep",
    ignored_referrers=IGNORED,
    api_stats_timeout=10.0,
    api_stats_rate_limit=600,
    api_stats_allow_origins=(),
    bot_filter="strict",
    bot_allow=(),
    geoip_db=None,
    geoip_precision="city",
    sessionstorage_session_inactive_ttl=1800.0,
    sessionstorage_max_sessions_per_visitor=64,
    eventstore_max_batch_size=65536,
    eventstore_max_batch_timeout=1.0,
    eventstore_fsync="interval",
    min_free_space=256_000_000,
    retention_days=0,
    duckdb_memory_limit=1_000_000_000,
    duckdb_threads=6,
    eventstore="duckdb",
    clickhouse_url=(),
    clickhouse_database="prisme",
    clickhouse_cluster="",
    clickhouse_user_file=None,
    clickhouse_password_file=None,
    clickhouse_ca_file=None,
)


def read(
    folder: Path, flags: dict[str, str] | None = None, environ: dict[str, str] | None = None, file: str = ""
) -> Config:
    """The configuration without its notices; `file` is the text of a prisme.toml."""
    if file:
        (folder / "prisme.toml").write_text(file)
    return load(flags or {}, environ or {}, folder, MACHINE)[0]


def mistakes(folder: Path, **given: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, **given)
    assert str(caught.value) == "\n".join(caught.value.messages)
    return caught.value.messages
