-- Visits name the import that brought them, and there are figures of days whose visits are not known.
-- The rows are written again in their order, which row groups are found by: DuckDB could not replay ALTER TABLE.

CREATE TABLE visits (
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
    device_type VARCHAR NOT NULL,
    referrer_domain VARCHAR NOT NULL,
    country_code VARCHAR NOT NULL,
    region VARCHAR NOT NULL,
    city VARCHAR NOT NULL,
    utm_source VARCHAR NOT NULL,
    utm_medium VARCHAR NOT NULL,
    utm_campaign VARCHAR NOT NULL,
    utm_term VARCHAR NOT NULL,
    utm_content VARCHAR NOT NULL,
    click_id VARCHAR NOT NULL,
    pageviews UINTEGER NOT NULL,
    events UINTEGER NOT NULL,
    imported VARCHAR NOT NULL DEFAULT '',
    is_bounce BOOLEAN GENERATED ALWAYS AS (pageviews <= 1 AND events = 0) VIRTUAL
);

INSERT INTO visits BY NAME
SELECT * EXCLUDE (is_anon, session_timestamp, is_bounce) FROM sessions;

DROP TABLE sessions;

ALTER TABLE visits RENAME TO sessions;

-- What other programs counted, by day, for one value of one dimension. The dimensions are named as filters are; that
-- with the empty name has the figures of the whole day. A figure that the other program does not have is NULL.
CREATE TABLE imported_figures (
    imported VARCHAR NOT NULL,
    domain VARCHAR NOT NULL,
    "day" DATE NOT NULL,
    dimension VARCHAR NOT NULL,
    "value" VARCHAR NOT NULL,
    visitors UBIGINT,
    sessions UBIGINT,
    pageviews UBIGINT,
    events UBIGINT,
    bounces UBIGINT,
    seconds UBIGINT
);

-- Each import, whether it has ended or not. `source` finds it again when the same files come again; `report` is JSON.
CREATE TABLE state.imports (
    "name" VARCHAR NOT NULL,
    format VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    files VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    visits UBIGINT NOT NULL,
    pageviews UBIGINT NOT NULL,
    events UBIGINT NOT NULL,
    figures UBIGINT NOT NULL,
    first_at TIMESTAMP,
    last_at TIMESTAMP,
    report VARCHAR NOT NULL
);
