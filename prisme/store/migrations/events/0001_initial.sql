-- The tables that users query, and, in the schema `state`, what must survive a restart.
-- Texts are never NULL: an empty string says "none", so that `!=` needs no three-valued logic.

CREATE TABLE sessions (
    domain VARCHAR NOT NULL,
    entry_timestamp TIMESTAMP NOT NULL,
    entry_path VARCHAR NOT NULL,
    exit_timestamp TIMESTAMP NOT NULL,
    exit_path VARCHAR NOT NULL,
    exit_status USMALLINT NOT NULL,
    visitor_id VARCHAR NOT NULL,
    is_anon BOOLEAN GENERATED ALWAYS AS (starts_with(visitor_id, 'prisme_') OR starts_with(visitor_id, 'anon_')) VIRTUAL,
    session_uuid UUID NOT NULL,
    session_timestamp TIMESTAMP GENERATED ALWAYS AS (uuid_extract_timestamp(session_uuid) AT TIME ZONE 'UTC') VIRTUAL,
    operating_system VARCHAR NOT NULL,
    browser_family VARCHAR NOT NULL,
    device VARCHAR NOT NULL,
    referrer_domain VARCHAR NOT NULL,
    country_code VARCHAR NOT NULL,
    utm_source VARCHAR NOT NULL,
    utm_medium VARCHAR NOT NULL,
    utm_campaign VARCHAR NOT NULL,
    utm_term VARCHAR NOT NULL,
    utm_content VARCHAR NOT NULL,
    pageviews UINTEGER NOT NULL,
    is_bounce BOOLEAN GENERATED ALWAYS AS (pageviews = 1) VIRTUAL
);

CREATE TABLE pageviews (
    "timestamp" TIMESTAMP NOT NULL,
    domain VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    visitor_id VARCHAR NOT NULL,
    is_anon BOOLEAN GENERATED ALWAYS AS (starts_with(visitor_id, 'prisme_') OR starts_with(visitor_id, 'anon_')) VIRTUAL,
    session_uuid UUID NOT NULL,
    session_timestamp TIMESTAMP GENERATED ALWAYS AS (uuid_extract_timestamp(session_uuid) AT TIME ZONE 'UTC') VIRTUAL,
    status USMALLINT NOT NULL
);

CREATE TABLE events_custom (
    "timestamp" TIMESTAMP NOT NULL,
    domain VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    visitor_id VARCHAR NOT NULL,
    is_anon BOOLEAN GENERATED ALWAYS AS (starts_with(visitor_id, 'prisme_') OR starts_with(visitor_id, 'anon_')) VIRTUAL,
    session_uuid UUID NOT NULL,
    session_timestamp TIMESTAMP GENERATED ALWAYS AS (uuid_extract_timestamp(session_uuid) AT TIME ZONE 'UTC') VIRTUAL,
    name VARCHAR NOT NULL,
    properties JSON NOT NULL
);

CREATE TABLE file_downloads (
    "timestamp" TIMESTAMP NOT NULL,
    domain VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    visitor_id VARCHAR NOT NULL,
    is_anon BOOLEAN GENERATED ALWAYS AS (starts_with(visitor_id, 'prisme_') OR starts_with(visitor_id, 'anon_')) VIRTUAL,
    session_uuid UUID NOT NULL,
    session_timestamp TIMESTAMP GENERATED ALWAYS AS (uuid_extract_timestamp(session_uuid) AT TIME ZONE 'UTC') VIRTUAL,
    url VARCHAR NOT NULL
);

CREATE TABLE outbound_link_clicks (
    "timestamp" TIMESTAMP NOT NULL,
    domain VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    visitor_id VARCHAR NOT NULL,
    is_anon BOOLEAN GENERATED ALWAYS AS (starts_with(visitor_id, 'prisme_') OR starts_with(visitor_id, 'anon_')) VIRTUAL,
    session_uuid UUID NOT NULL,
    session_timestamp TIMESTAMP GENERATED ALWAYS AS (uuid_extract_timestamp(session_uuid) AT TIME ZONE 'UTC') VIRTUAL,
    link VARCHAR NOT NULL
);

CREATE SCHEMA state;

-- A journal segment whose number stands here is loaded, and never loaded again.
CREATE TABLE state.segments (
    number UBIGINT NOT NULL,
    loaded_at TIMESTAMP NOT NULL,
    events UINTEGER NOT NULL,
    rejected UINTEGER NOT NULL
);

-- Which device has which session open. `copy` holds the whole session (JSON, as in the journal)
-- where `sessions` has no row of it yet. Rows leave when their session ends.
CREATE TABLE state.open_sessions (
    device UBIGINT NOT NULL,
    session_uuid UUID NOT NULL,
    active TIMESTAMP NOT NULL,
    copy VARCHAR
);
