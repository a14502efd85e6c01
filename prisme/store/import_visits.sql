-- Merges a chunk of imported visits into the tables: the statements of one transaction.
-- A visit that is known with as many rows stays as it is. One of an import that has more rows now, as its file has
-- grown, is written again, and stays a visit of the import that brought it first.

CREATE OR REPLACE TEMP TABLE line AS
SELECT * FROM read_json(
    $path,
    format = 'newline_delimited',
    -- The longest is an event with 64 KiB of escaped properties.
    maximum_object_size = 1048576,
    columns = {
        "of": 'UINTEGER',
        session: 'STRUCT(
            uuid UUID, domain VARCHAR, entry BIGINT, entry_path VARCHAR, "exit" BIGINT, exit_path VARCHAR,
            status USMALLINT, visitor VARCHAR,
            client STRUCT(os VARCHAR, browser VARCHAR, device VARCHAR, type VARCHAR),
            country VARCHAR, referrer VARCHAR,
            utm STRUCT(source VARCHAR, medium VARCHAR, campaign VARCHAR, term VARCHAR, content VARCHAR),
            pageviews UINTEGER, events UINTEGER, click_id VARCHAR, place STRUCT(region VARCHAR, city VARCHAR)
        )',
        -- What is empty, or 0, is left out.
        "row": 'STRUCT(
            kind VARCHAR, "at" BIGINT, path VARCHAR, status USMALLINT, name VARCHAR, properties VARCHAR, url VARCHAR,
            visitor VARCHAR
        )'
    }
);

CREATE OR REPLACE TEMP TABLE visit AS
SELECT
    "of",
    session.uuid AS session_uuid,
    session.domain AS domain,
    make_timestamp(session.entry) AS entry_timestamp,
    session.entry_path AS entry_path,
    make_timestamp(session."exit") AS exit_timestamp,
    session.exit_path AS exit_path,
    session.status AS exit_status,
    session.visitor AS visitor_id,
    session.client.os AS operating_system,
    session.client.browser AS browser_family,
    session.client.device AS device,
    session.client.type AS device_type,
    session.referrer AS referrer_domain,
    session.country AS country_code,
    coalesce(session.place.region, '') AS region,
    coalesce(session.place.city, '') AS city,
    coalesce(session.utm.source, '') AS utm_source,
    coalesce(session.utm.medium, '') AS utm_medium,
    coalesce(session.utm.campaign, '') AS utm_campaign,
    coalesce(session.utm.term, '') AS utm_term,
    coalesce(session.utm.content, '') AS utm_content,
    coalesce(session.click_id, '') AS click_id,
    session.pageviews AS pageviews,
    session.events AS events
FROM line WHERE session IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY session.uuid ORDER BY session.pageviews + session.events DESC) = 1;

-- DuckDB takes the least and the greatest id of the small side, and reads only the row groups between them.
CREATE OR REPLACE TEMP TABLE known AS
SELECT
    visit."of", sessions.session_uuid, sessions.imported, sessions.pageviews, sessions.events,
    sessions.imported <> '' AND sessions.pageviews + sessions.events < visit.pageviews + visit.events AS has_grown
FROM sessions JOIN visit ON sessions.session_uuid = visit.session_uuid;

CREATE OR REPLACE TEMP TABLE fresh AS
SELECT visit.*, coalesce(known.imported, $name) AS imported
FROM visit LEFT JOIN known USING ("of") WHERE known."of" IS NULL OR known.has_grown;
