"""The table of options: each name, type, default and help once. Flags, file, environment and docs are built from it."""

from prisme.runtime.clickhouse_types import CLUSTER, DATABASE, ENDPOINTS
from prisme.runtime.intermediaries import INTERMEDIARIES
from prisme.runtime.network_types import ADDRESS, ALIASES, HEADER, HOSTS, LISTENER, ORIGINS, REFERRERS, URL
from prisme.runtime.number_types import PORT, THREADS, duration, memory, size, whole_number
from prisme.runtime.option import Option
from prisme.runtime.text_types import BASE_PATH, BOOLEAN, FILE, FOLDER, LOG, PARAMETERS, PATTERNS, TRUST, choice

# The option that names the configuration file, so it is not in the table.
CONFIG = "config"
CONFIG_HELP = "The configuration file; default: prisme.toml in the current folder, if it exists."

# Options of older versions, and why they were removed: setting one is logged.
REMOVED = {"api_events_timeout": "events no longer wait for their pageview"}

_SERVER = "Server"
_PROXY = "Reverse proxy"
_VISITS = "Visits"
_FIGURES = "Figures"
_STORE = "Storage"
_CLICKHOUSE = "ClickHouse"

OPTIONS = (
    Option(
        _SERVER,
        "origins",
        HOSTS,
        "localhost,127.0.0.1",
        "The hosts whose pages are counted. *.example.com matches every subdomain of example.com, but not "
        "example.com itself. Sites can also be added without a restart, with `prisme site add`.",
        alias="origin_registry_origins",
        unset="origins is not set: only pages on localhost and 127.0.0.1 are counted, and sites that you add, as with "
        "`prisme site add example.com`; --origins, PRISME_ORIGINS or prisme.toml sets it",
        reloads=True,
    ),
    Option(
        _SERVER,
        "aliases",
        ALIASES,
        "",
        "Other hosts of a site: with www.example.com=example.com, pages and referrers on www.example.com count as "
        "those on example.com. Aliases need no entry in origins.",
        reloads=True,
    ),
    Option(
        _SERVER,
        "mode",
        choice("default", "ingestion"),
        "default",
        "default serves everything; ingestion only accepts events and answers health checks, with no dashboard or "
        "stats API.",
    ),
    Option(
        _SERVER,
        "sites_url",
        URL,
        "",
        'With mode = "ingestion": the server from which this node learns of sites and aliases, about every 30 seconds, '
        "such as https://stats.example.com. While it is away, the node goes on with those that it knows. Empty means "
        "none.",
        reloads=True,
    ),
    Option(
        _SERVER,
        "sites_token_file",
        FILE,
        "",
        "The file with the API token for sites_url, which `prisme token add NAME --scope sites` prints on that server. "
        "It is read again for each request.",
        reloads=True,
    ),
    Option(_SERVER, "host", ADDRESS, "0.0.0.0", "The address to listen on."),  # noqa: S104  # visitors come from outside
    Option(_SERVER, "port", PORT, 8000, "The port to listen on."),
    Option(
        _SERVER,
        "tls_certificate",
        FILE,
        "",
        "The certificate in PEM format, followed by any intermediate certificates. The port then serves HTTPS only. It "
        "is read at startup. Empty means HTTP.",
    ),
    Option(_SERVER, "tls_key", FILE, "", "The private key of tls_certificate, in PEM format, without a password."),
    Option(
        _SERVER,
        "data_dir",
        FOLDER,
        "./prisme-data",
        "The folder for everything that Prisme writes. It is created if it does not exist. A relative path starts at "
        "the current folder.",
    ),
    Option(
        _SERVER,
        "admin_hostport",
        LISTENER,
        "127.0.0.1:9090",
        "The address and port of the metrics server, which serves /metrics and /healthcheck for monitoring, separate "
        "from the public server; empty turns it off. It has no password: keep it on an address that visitors cannot "
        "reach.",
    ),
    Option(
        _SERVER,
        "access_log",
        LOG,
        "/dev/stdout",
        "The file for the access log, one line per request; empty turns it off. SIGHUP reopens it, for log rotation.",
        reloads=True,
    ),
    Option(
        _SERVER,
        "access_log_ip",
        choice("full", "masked", "none"),
        "masked",
        "The visitor's address in the access log: full, masked (the first 24 bits, or 48 for IPv6) or none.",
        reloads=True,
    ),
    Option(
        _SERVER,
        "log_format",
        choice("auto", "text", "json"),
        "auto",
        "The form of both logs: text is short lines for people, json one JSON object per line; auto writes text to "
        "terminals, and JSON elsewhere.",
    ),
    Option(_SERVER, "debug", BOOLEAN, False, "Whether to log debug messages.", reloads=True),
    Option(
        _PROXY,
        "base_path",
        BASE_PATH,
        "",
        "The path of Prisme on its host, such as /stats for https://example.com/stats/. Links, redirects and cookies "
        "have it. Requests are served with it and without, as some proxies remove it. Empty means that the whole host "
        "is Prisme's.",
    ),
    Option(
        _PROXY,
        "trust_proxy",
        TRUST,
        "auto",
        "Whether to read the visitor's address and the request id from the headers below. auto: if the connection "
        "comes from this machine, as it does with a proxy on the same host. true: always; use this only if the server "
        "can be reached through your proxy alone, as anyone else could forge these headers. false: never.",
        reloads=True,
    ),
    Option(
        _PROXY,
        "proxy_header",
        HEADER,
        "X-Forwarded-For",
        "The header with the visitor's address: a single address, a list, or the format of RFC 7239 if the header is "
        "Forwarded.",
    ),
    Option(
        _PROXY,
        "proxy_hops",
        whole_number(1, 100),
        1,
        "The number of proxies in a row in front of Prisme. Each appends an address to the header: with 1, the last "
        "address is the visitor's; with 2, the second to last.",
        reloads=True,
    ),
    Option(_PROXY, "proxy_request_id_header", HEADER, "X-Request-Id", "The header with the request id."),
    Option(
        _VISITS,
        "api_events_rate_limit",
        whole_number(0),
        60,
        "The maximum number of events per minute from one address, with at most 512 KiB in total; more are rejected "
        "with 429. For IPv6, each /64 counts as one address, and a /48 may send 16 times as much. 0 turns both limits "
        "off.",
        reloads=True,
    ),
    Option(
        _VISITS,
        "page_parameters",
        PARAMETERS,
        "",
        "Query parameters that distinguish pages, such as id: they are kept in a page's path, in the order given here.",
        reloads=True,
    ),
    Option(
        _VISITS,
        "trailing_slash",
        choice("keep", "drop"),
        "keep",
        "Whether /about/ and /about are two pages (keep) or one, stored without the slash (drop).",
        reloads=True,
    ),
    Option(
        _VISITS,
        "ignored_referrers",
        REFERRERS,
        ",".join(INTERMEDIARIES),
        "Hosts that are never the source of a visit, such as payment and log-in providers: when they send a visitor "
        "back, the visit continues. A value replaces the whole default list; empty ignores no host.",
        reloads=True,
    ),
    Option(
        _VISITS,
        "bot_filter",
        choice("strict", "basic", "off"),
        "strict",
        "Which requests to reject as bots: strict checks the User-Agent's family and a list of patterns, basic only "
        "the family, off nothing. strict also rejects programs such as curl and okhttp.",
        reloads=True,
    ),
    Option(
        _VISITS,
        "bot_allow",
        PATTERNS,
        "",
        "Regular expressions (in Python's syntax) for User-Agents that are never bots, such as your own app's. If a "
        "pattern contains a comma, write a list in the file.",
        reloads=True,
    ),
    Option(
        _VISITS,
        "geoip_db",
        FILE,
        "",
        "A database in MaxMind's format (MMDB) for looking up where an address is; empty means the one that "
        "`prisme geoip update` installed, or else the bundled one, which has countries alone.",
        reloads=True,
    ),
    Option(
        _VISITS,
        "geoip_precision",
        choice("country", "region", "city"),
        "city",
        "The most that is stored of where a visitor is, as far as the database knows it: the country alone, also the "
        "region, or also the city.",
        reloads=True,
    ),
    Option(
        _VISITS,
        "sessionstorage_session_inactive_ttl",
        duration("10ms", "24h"),
        "30m",
        "A visit ends after this long without a pageview or event, and after 24 hours in any case.",
    ),
    Option(
        _VISITS,
        "sessionstorage_max_sessions_per_visitor",
        whole_number(1),
        64,
        "The maximum number of open visits kept in memory per device. Further visits are stored, but their later "
        "events start new visits.",
    ),
    Option(
        _FIGURES,
        "api_stats_timeout",
        duration("100ms", "10m"),
        "10s",
        "The time limit for a query to the stats API; after that, it is cancelled and answered with 503.",
        reloads=True,
    ),
    Option(
        _FIGURES,
        "api_stats_rate_limit",
        whole_number(0),
        600,
        "The maximum number of requests per minute from one address that are no events: for the stats API, the "
        "dashboard, the admin API and log-ins; more are rejected with 429. A request with wrong credentials counts as "
        "5. For IPv6, each /64 counts as one address, and a /48 may send 16 times as much. 0 turns the limit off.",
        reloads=True,
    ),
    Option(
        _FIGURES,
        "api_stats_allow_origins",
        ORIGINS,
        "",
        "Origins whose pages may read the stats API with an API token or a share link, such as "
        "https://intranet.example.com; * allows all.",
        reloads=True,
    ),
    Option(
        _STORE,
        "eventstore_max_batch_size",
        whole_number(1),
        65536,
        "Events are loaded from the journal into the database once this many are pending.",
    ),
    Option(
        _STORE,
        "eventstore_max_batch_timeout",
        duration("10ms", "1h"),
        "1s",
        "Pending events are loaded into the database after this long, however few they are.",
    ),
    Option(
        _STORE,
        "eventstore_fsync",
        choice("always", "interval", "never"),
        "interval",
        "When events are flushed to disk, and so what a power failure can lose; a crash of Prisme loses nothing. "
        "always: before each response, so nothing is lost. interval: with each batch, so events since the last batch "
        "may be lost. never: whenever the operating system does it.",
    ),
    Option(
        _STORE,
        "min_free_space",
        size("1000TB"),
        "256MB",
        "Events are rejected with 503 while the disk of data_dir has less free space than this, so that log-ins, "
        "startup and commands still work. 0 turns this off.",
        reloads=True,
    ),
    Option(
        _STORE,
        "retention_days",
        whole_number(0, 36_500),
        "0",
        "Visits that began more than this many days ago, counted in whole days (UTC), are deleted once a day. 0 keeps "
        "them for ever. Sites can have rules of their own.",
    ),
    Option(
        _STORE,
        "duckdb_memory_limit",
        memory("64MB", "1000TB"),
        "25%",
        "The memory limit of the database: a size, or a percentage of the memory that the process may use, which in a "
        "container is the container's limit. A percentage gives at least 128MB.",
    ),
    Option(_STORE, "duckdb_threads", THREADS, "all", "The number of threads of the database; all means one per core."),
    Option(
        _CLICKHOUSE,
        "eventstore",
        choice("duckdb", "clickhouse"),
        "duckdb",
        "Where events are stored: in the data folder, by DuckDB, or in a ClickHouse that many nodes may share. The "
        "other options of this group are for ClickHouse alone.",
    ),
    Option(
        _CLICKHOUSE,
        "clickhouse_url",
        ENDPOINTS,
        "",
        "The HTTP interface of ClickHouse. Of several hosts, which have to be replicas of each other, one is used for "
        "as long as it answers. User and password belong in files.",
    ),
    Option(
        _CLICKHOUSE,
        "clickhouse_database",
        DATABASE,
        "prisme",
        "The database that has the tables. Prisme makes both where they are missing.",
    ),
    Option(
        _CLICKHOUSE,
        "clickhouse_cluster",
        CLUSTER,
        "",
        "The cluster's name, of one shard whose replicas are all hosts of clickhouse_url: tables are replicated then. "
        "Empty for a single server.",
    ),
    Option(
        _CLICKHOUSE,
        "clickhouse_user_file",
        FILE,
        "",
        "The file with the user's name; it is read again for each new connection. Without one, it is default.",
    ),
    Option(
        _CLICKHOUSE,
        "clickhouse_password_file",
        FILE,
        "",
        "The file with the user's password; it is read again for each new connection.",
    ),
    Option(
        _CLICKHOUSE,
        "clickhouse_ca_file",
        FILE,
        "",
        "The certificates to trust of those that ClickHouse may have, as PEM. Without a file, those that the system "
        "trusts.",
    ),
)
