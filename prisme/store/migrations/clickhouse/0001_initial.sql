-- The tables in ClickHouse, with the columns that DuckDB's have, and some more. `store/clickhouse/migrations.py` fills in
-- what stands in braces. Nodes may run it at the same time, and once more after one was killed: every statement has to
-- have the same effect however often it runs.
--
-- `node` and `segment` say which segment of which node's journal brought a row (`store/clickhouse/node.py`), or which slice
-- of which move (`store/clickhouse/move_in.py`), which alone brings imports and their figures.
-- A table without a window of deduplication would store a block twice that is sent twice.

CREATE TABLE IF NOT EXISTS {database}.pageviews {on_cluster} (
    timestamp DateTime64(6, 'UTC'),
    domain LowCardinality(String),
    path LowCardinality(String) CODEC(ZSTD),
    visitor_id String CODEC(ZSTD),
    is_anon Bool ALIAS startsWith(visitor_id, 'prisme_') OR startsWith(visitor_id, 'anon_'),
    session_uuid UUID CODEC(ZSTD),
    session_timestamp DateTime64(3, 'UTC') ALIAS UUIDv7ToDateTime(session_uuid, 'UTC'),
    status UInt16,
    node LowCardinality(String),
    segment UInt64 CODEC(DoubleDelta, ZSTD),
    -- Counts the pageviews of a segment, in the order of its lines: the order of those with the same time.
    number UInt32 CODEC(DoubleDelta, ZSTD)
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (domain, timestamp)
SETTINGS {window};

CREATE TABLE IF NOT EXISTS {database}.events_custom {on_cluster} (
    timestamp DateTime64(6, 'UTC'),
    domain LowCardinality(String),
    path LowCardinality(String) CODEC(ZSTD),
    visitor_id String CODEC(ZSTD),
    is_anon Bool ALIAS startsWith(visitor_id, 'prisme_') OR startsWith(visitor_id, 'anon_'),
    session_uuid UUID CODEC(ZSTD),
    session_timestamp DateTime64(3, 'UTC') ALIAS UUIDv7ToDateTime(session_uuid, 'UTC'),
    name LowCardinality(String),
    properties String CODEC(ZSTD),
    -- Each name once, with its last value as text; NULL is JSON's null.
    property_keys Array(String) CODEC(ZSTD),
    property_values Array(Nullable(String)) CODEC(ZSTD),
    node LowCardinality(String),
    segment UInt64 CODEC(DoubleDelta, ZSTD)
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (domain, timestamp)
SETTINGS {window};

CREATE TABLE IF NOT EXISTS {database}.file_downloads {on_cluster} (
    timestamp DateTime64(6, 'UTC'),
    domain LowCardinality(String),
    path LowCardinality(String) CODEC(ZSTD),
    visitor_id String CODEC(ZSTD),
    is_anon Bool ALIAS startsWith(visitor_id, 'prisme_') OR startsWith(visitor_id, 'anon_'),
    session_uuid UUID CODEC(ZSTD),
    session_timestamp DateTime64(3, 'UTC') ALIAS UUIDv7ToDateTime(session_uuid, 'UTC'),
    url String CODEC(ZSTD),
    node LowCardinality(String),
    segment UInt64 CODEC(DoubleDelta, ZSTD)
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (domain, timestamp)
SETTINGS {window};

CREATE TABLE IF NOT EXISTS {database}.outbound_link_clicks {on_cluster} (
    timestamp DateTime64(6, 'UTC'),
    domain LowCardinality(String),
    path LowCardinality(String) CODEC(ZSTD),
    visitor_id String CODEC(ZSTD),
    is_anon Bool ALIAS startsWith(visitor_id, 'prisme_') OR startsWith(visitor_id, 'anon_'),
    session_uuid UUID CODEC(ZSTD),
    session_timestamp DateTime64(3, 'UTC') ALIAS UUIDv7ToDateTime(session_uuid, 'UTC'),
    link String CODEC(ZSTD),
    node LowCardinality(String),
    segment UInt64 CODEC(DoubleDelta, ZSTD)
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (domain, timestamp)
SETTINGS {window};

-- States of visits, of which the one with the most events is the newest. Read it with FINAL, and never with PREWHERE. All
-- states of a visit have the same entry, so that they are in one partition, and next to each other. UUIDs would be
-- ordered by their second half.
CREATE TABLE IF NOT EXISTS {database}.sessions {on_cluster} (
    domain LowCardinality(String),
    entry_timestamp DateTime64(6, 'UTC'),
    entry_path LowCardinality(String) CODEC(ZSTD),
    exit_timestamp DateTime64(6, 'UTC'),
    exit_path LowCardinality(String) CODEC(ZSTD),
    exit_status UInt16,
    visitor_id String CODEC(ZSTD),
    is_anon Bool ALIAS startsWith(visitor_id, 'prisme_') OR startsWith(visitor_id, 'anon_'),
    session_uuid UUID CODEC(ZSTD),
    session_timestamp DateTime64(3, 'UTC') ALIAS UUIDv7ToDateTime(session_uuid, 'UTC'),
    operating_system LowCardinality(String),
    browser_family LowCardinality(String),
    device LowCardinality(String),
    device_type LowCardinality(String),
    referrer_domain LowCardinality(String),
    country_code LowCardinality(String),
    region LowCardinality(String),
    city LowCardinality(String),
    utm_source LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String),
    utm_term LowCardinality(String),
    utm_content LowCardinality(String),
    click_id LowCardinality(String),
    pageviews UInt32,
    events UInt32,
    imported LowCardinality(String),
    is_bounce Bool ALIAS pageviews <= 1 AND events = 0,
    -- As `stats/sources.py` and `stats/channels.py` named them when the state was stored.
    source LowCardinality(String),
    channel LowCardinality(String),
    version UInt32,
    node LowCardinality(String),
    segment UInt64 CODEC(DoubleDelta, ZSTD)
)
ENGINE = {replicated}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(entry_timestamp)
ORDER BY (domain, entry_timestamp, toUInt128(session_uuid))
SETTINGS {window};

-- The segments whose rows are all stored: their marker comes last.
CREATE TABLE IF NOT EXISTS {database}.segments {on_cluster} (
    node LowCardinality(String),
    number UInt64,
    events UInt32,
    rejected UInt32,
    loaded_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = {replicated}ReplacingMergeTree
ORDER BY (node, number)
SETTINGS {window};

CREATE TABLE IF NOT EXISTS {database}.imported_figures {on_cluster} (
    imported LowCardinality(String),
    domain LowCardinality(String),
    day Date32,
    dimension LowCardinality(String),
    value String CODEC(ZSTD),
    visitors Nullable(UInt64),
    sessions Nullable(UInt64),
    pageviews Nullable(UInt64),
    events Nullable(UInt64),
    bounces Nullable(UInt64),
    seconds Nullable(UInt64),
    node LowCardinality(String),
    segment UInt64 CODEC(DoubleDelta, ZSTD)
)
ENGINE = {replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (domain, dimension, day)
SETTINGS {window};

CREATE TABLE IF NOT EXISTS {database}.imports {on_cluster} (
    name String,
    format String,
    source String,
    files String,
    started_at DateTime64(6, 'UTC'),
    ended_at Nullable(DateTime64(6, 'UTC')),
    visits UInt64,
    pageviews UInt64,
    events UInt64,
    figures UInt64,
    first_at Nullable(DateTime64(6, 'UTC')),
    last_at Nullable(DateTime64(6, 'UTC')),
    report String,
    node LowCardinality(String)
)
ENGINE = {replicated}ReplacingMergeTree
ORDER BY name
SETTINGS {window};
