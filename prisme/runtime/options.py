"""The table of options: each name, kind, default and help once. Flags, file, environment, docs and checks read it."""

from typing import NamedTuple

from prisme.runtime.option_types import (
    ADDRESS,
    ALIASES,
    BOOLEAN,
    FILE,
    FOLDER,
    HEADER,
    HOSTS,
    LISTENER,
    LOG,
    ORIGINS,
    PARAMETERS,
    PATTERNS,
    PORT,
    REFERRERS,
    THREADS,
    TRUST,
    Kind,
    choice,
    duration,
    memory,
    size,
    whole,
)

_LONG = 80


class Option(NamedTuple):
    """One row. `default` is written as in the file; `alias` is a second name, `unset` a notice for who sets neither."""

    group: str
    name: str
    kind: Kind
    default: str | int | bool
    help: str
    alias: str = ""
    unset: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that it answers to."""
        return (self.name, self.alias) if self.alias else (self.name,)

    @property
    def short_default(self) -> str:
        """The default for a line of text: of a long list, how many entries it has."""
        text = str(self.default)
        if len(text) > _LONG:
            return f"{text.count(',') + 1} entries, which prisme default-config prints"
        return text.lower() if isinstance(self.default, bool) else text or "empty"


def flag(name: str) -> str:
    """The name of an option on the command line."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """The name of an option in the environment."""
    return "PRISME_" + name.upper()


def key(name: str) -> str:
    """The name of an option in the file."""
    return name


# Names the file itself, so it stands in no file.
CONFIG = "config"
CONFIG_HELP = "The file to read; without it, prisme.toml in the folder that Prisme is started in, where there is one."

# Options of older versions, and why they are gone: whoever still sets one gets a notice.
GONE = {"api_events_timeout": "no event waits for its pageview any more"}

# Pages that a visitor is sent to in the midst of a visit, to pay or to log in, and that send back: no source of visits.
# Hosts that also have pages of general interest (github.com, www.facebook.com, www.klarna.com) are not among them.
_GO_BETWEENS = (
    # payment
    "checkout.stripe.com",
    "buy.stripe.com",
    "hooks.stripe.com",
    "invoice.stripe.com",
    "*.paypal.com",
    "pay.klarna.com",
    "payments.klarna.com",
    "checkout.klarna.com",
    "checkoutshopper-live.adyen.com",
    "checkout.shopify.com",
    "pay.shopify.com",
    "pay.google.com",
    "pay.amazon.com",
    "payments.amazon.com",
    "www.mollie.com",
    "pay.gocardless.com",
    "checkout.paddle.com",
    "buy.paddle.com",
    "checkout.razorpay.com",
    "api.razorpay.com",
    "secure.worldpay.com",
    "secure.payu.com",
    "secure.przelewy24.pl",
    "www.sofort.com",
    "*.cardinalcommerce.com",
    # log-in
    "accounts.google.com",
    "appleid.apple.com",
    "login.microsoftonline.com",
    "login.live.com",
    "login.yahoo.com",
    "login.salesforce.com",
    "accounts.shopify.com",
    "id.twitch.tv",
    "oauth.vk.com",
    "id.vk.com",
    "oauth.yandex.ru",
    "passport.yandex.ru",
    "*.b2clogin.com",
    "*.ciamlogin.com",
    "*.auth0.com",
    "*.okta.com",
    "*.onelogin.com",
    "*.amazoncognito.com",
)

_SERVER = "Server"
_PROXY = "Reverse proxy"
_VISITS = "Visits"
_FIGURES = "Figures"
_STORE = "Storage"

OPTIONS = (
    Option(
        _SERVER,
        "origins",
        HOSTS,
        "localhost,127.0.0.1",
        "The hosts whose pages are counted. *.example.com stands for every host below example.com, but not for "
        "example.com itself.",
        alias="origin_registry_origins",
        unset="origins is not set, so only pages on localhost and 127.0.0.1 are counted: name your hosts with "
        "--origins, PRISME_ORIGINS or the key origins in prisme.toml, such as example.com,www.example.com",
    ),
    Option(
        _SERVER,
        "aliases",
        ALIASES,
        "",
        "Hosts that are another name of a site: with www.example.com=example.com, pages and referrers of "
        "www.example.com count as those of example.com. They need no entry in origins.",
    ),
    Option(
        _SERVER,
        "mode",
        choice("default", "ingestion"),
        "default",
        "default serves everything; ingestion takes events and answers health checks, and shows nothing to anybody.",
    ),
    Option(_SERVER, "host", ADDRESS, "0.0.0.0", "The address to listen on."),  # noqa: S104  # visitors come from outside
    Option(_SERVER, "port", PORT, 8000, "The port to listen on."),
    Option(
        _SERVER,
        "tls_certificate",
        FILE,
        "",
        "A certificate in PEM, followed by those between it and the root: the port then speaks HTTPS, and that alone. "
        "It is read at the start. Empty for HTTP.",
    ),
    Option(_SERVER, "tls_key", FILE, "", "The private key of tls_certificate, in PEM and without a password."),
    Option(
        _SERVER,
        "data_dir",
        FOLDER,
        "./prisme-data",
        "Everything that Prisme writes is in this folder, which is made where there is none. A relative path starts at "
        "the folder that Prisme is started in.",
    ),
    Option(
        _SERVER,
        "admin_hostport",
        LISTENER,
        "127.0.0.1:9090",
        "Where metrics (/metrics) and health (/healthcheck) are for monitoring, apart from the public server; empty "
        "turns it off. Nothing there asks for a password: leave it on an address that visitors cannot reach.",
    ),
    Option(
        _SERVER,
        "access_log",
        LOG,
        "/dev/stdout",
        "The file that gets a line for each request; empty turns it off. SIGHUP opens it anew, for log rotation.",
    ),
    Option(
        _SERVER,
        "access_log_ip",
        choice("full", "masked", "none"),
        "full",
        "The visitor's address in the access log: full, masked (the first 24 bits, or 48 of IPv6) or none.",
    ),
    Option(_SERVER, "debug", BOOLEAN, False, "Write debug lines to the log too."),
    Option(
        _PROXY,
        "trust_proxy",
        TRUST,
        "auto",
        "Whether the visitor's address and the request's id are read from the headers below. auto: where the "
        "connection comes from this machine, as with a proxy on the same host. true: always; only for a server that "
        "nobody can reach but through your proxy, as anyone else could write these headers too. false: never.",
    ),
    Option(
        _PROXY,
        "proxy_header",
        HEADER,
        "X-Forwarded-For",
        "The header that holds the visitor's address: one address, a "
        "list, or what RFC 7239 defines where the header is Forwarded.",
    ),
    Option(
        _PROXY,
        "proxy_hops",
        whole(1, 100),
        1,
        "How many proxies stand one behind the other. Each adds an address on the right of the header: with 1, the "
        "rightmost is the visitor's; with 2, the one before it.",
    ),
    Option(_PROXY, "proxy_request_id_header", HEADER, "X-Request-Id", "The header that holds the request's id."),
    Option(
        _VISITS,
        "api_events_rate_limit",
        whole(0),
        60,
        "Events a minute that one address may send, in at most 512 KiB; more are refused with 429. Of IPv6, each /64 "
        "counts as one address, and a /48 may send 16 times as much. 0 turns both limits off.",
    ),
    Option(
        _VISITS,
        "page_parameters",
        PARAMETERS,
        "",
        "Query parameters that tell pages apart, such as id: they stay in a page's path, in the order given here.",
    ),
    Option(
        _VISITS,
        "trailing_slash",
        choice("keep", "drop"),
        "keep",
        "Whether /about/ and /about are two pages (keep) or one, without the slash (drop).",
    ),
    Option(
        _VISITS,
        "ignored_referrers",
        REFERRERS,
        ",".join(_GO_BETWEENS),
        "Hosts that never are the source of a visit, such as payment and log-in providers, which send visitors back: "
        "the visit goes on. What is set here replaces the list; empty ignores none.",
    ),
    Option(
        _VISITS,
        "bot_filter",
        choice("strict", "basic", "off"),
        "strict",
        "Whom to refuse as a bot: strict asks the User-Agent's family and a list of patterns, basic the family only, "
        "off nobody. strict also refuses programs such as curl and okhttp.",
    ),
    Option(
        _VISITS,
        "bot_allow",
        PATTERNS,
        "",
        "Regular expressions (Python's) of User-Agents that are never bots, such as your own app's. Where a pattern "
        "has a comma, write a list in the file.",
    ),
    Option(
        _VISITS,
        "geoip_db",
        FILE,
        "",
        "A file in MaxMind's format (MMDB) that tells the country of an address; empty for the one that comes with "
        "Prisme.",
    ),
    Option(
        _VISITS,
        "sessionstorage_session_inactive_ttl",
        duration("10ms", "24h"),
        "30m",
        "A visit is over after so long without a pageview or event; after 24 hours in any case.",
    ),
    Option(
        _VISITS,
        "sessionstorage_max_sessions_per_visitor",
        whole(1),
        64,
        "Open visits remembered for one device; more are stored, but their later events begin new ones.",
    ),
    Option(
        _FIGURES,
        "api_stats_timeout",
        duration("100ms", "10m"),
        "10s",
        "How long a question to the stats API may take; after that, it is ended and answered with 503.",
    ),
    Option(
        _FIGURES,
        "api_stats_allow_origins",
        ORIGINS,
        "",
        "Origins whose pages may read the stats API with an API token or a share link, such as "
        "https://intranet.example.com; * is all.",
    ),
    Option(
        _STORE,
        "eventstore_max_batch_size",
        whole(1),
        65536,
        "At so many waiting events they move from the journal to the database.",
    ),
    Option(
        _STORE,
        "eventstore_max_batch_timeout",
        duration("10ms", "1h"),
        "1s",
        "Waiting events move to the database after so long, however few they are.",
    ),
    Option(
        _STORE,
        "eventstore_fsync",
        choice("always", "interval", "never"),
        "interval",
        "What a power cut may take; a crash of Prisme takes nothing. always: nothing, as every event is on the disk "
        "before its answer. interval: what came since the last batch. never: what the system had not written yet.",
    ),
    Option(
        _STORE,
        "min_free_space",
        size("1000TB"),
        "256MB",
        "Events are refused with 503 while the disk of data_dir has less room than this, so that log-ins, the start "
        "and the commands still work. 0 refuses none.",
    ),
    Option(
        _STORE,
        "duckdb_memory_limit",
        memory("64MB", "1000TB"),
        "25%",
        "Memory for the database: a size, or a share of what the process may use, where a container's limit counts. A "
        "share is at least 128MB.",
    ),
    Option(_STORE, "duckdb_threads", THREADS, "all", "Threads for the database; all means one a core."),
)
