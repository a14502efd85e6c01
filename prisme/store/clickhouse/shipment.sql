-- What segments bring to ClickHouse: the rows of each of its tables, made of the lines that `load.sql` has read into
-- `line`. The rows of a segment are the same however often it is sent. They need no order, as ClickHouse sorts them: to
-- sort visits took a seventh of their time. `shipment.py` runs them by their names; what stands in braces is text of ours.

-- name: rows
-- How many rows each segment brings to the table of each kind, by month as ClickHouse partitions them, their lowest and
-- highest time (microseconds), and whether any line is one of 0.1.0. Lines that are no events have no kind.
SELECT
    segment, kind, year(exit_timestamp) * 100 + month(exit_timestamp) AS month, count(*) AS count,
    epoch_us(min(exit_timestamp)), epoch_us(max(exit_timestamp)), bool_or(is_of_0_1)
FROM line GROUP BY ALL;

-- name: arrivals
-- How the visits came, for Python to name. What is longer has no name of its own (`store/arrivals.py`).
SELECT DISTINCT referrer_domain, utm_source, utm_medium, click_id FROM line
WHERE kind IS NOT NULL AND strlen(referrer_domain) + strlen(utm_source) + strlen(utm_medium) <= {longest};

-- name: named
CREATE OR REPLACE TEMP TABLE arrival AS
SELECT
    unnest(CAST($referrers AS VARCHAR[])) AS referrer, unnest(CAST($utms AS VARCHAR[])) AS utm,
    unnest(CAST($mediums AS VARCHAR[])) AS medium, unnest(CAST($clicks AS VARCHAR[])) AS click,
    unnest(CAST($sources AS VARCHAR[])) AS source, unnest(CAST($channels AS VARCHAR[])) AS channel;

-- name: sessions
-- The newest state of each session in the segment; of equal ones the first. Source and channel are as in
-- `stats/sql/known_arrival.sql`.
SELECT
    domain, entry_timestamp, entry_path, exit_timestamp, exit_path, exit_status, visitor_id, session_uuid,
    operating_system, browser_family, client_device AS device, device_type, referrer_domain, country_code,
    region, city, utm_source, utm_medium, utm_campaign, utm_term, utm_content, click_id, pageviews, events,
    {imported} AS imported,
    CASE
        WHEN is_internal THEN 'Internal'
        WHEN arrival.source IS NOT NULL THEN arrival.source
        WHEN utm_source <> '' THEN utm_source
        ELSE referrer_domain
    END AS source,
    CASE WHEN is_internal THEN 'Internal' ELSE coalesce(arrival.channel, 'Referral') END AS channel,
    pageviews + events AS version, '{node}' AS node, segment
FROM (
    SELECT *, utm_source = '' AND referrer_domain = split_part(domain, ':', 1) AS is_internal
    FROM line WHERE rowid IN (
        SELECT max_by(rowid, CAST(pageviews + events AS HUGEINT) * 4294967296 - rowid)
        FROM line WHERE segment = {segment} AND kind IS NOT NULL GROUP BY session_uuid
    )
) LEFT JOIN arrival ON referrer = referrer_domain AND utm = utm_source AND medium = utm_medium AND click = click_id;

-- name: pageviews
-- Rows come, and are numbered, as they are stored: in the order of their lines.
SELECT
    exit_timestamp AS timestamp, domain, exit_path AS path, visitor_id, session_uuid, exit_status AS status,
    '{node}' AS node, segment, CAST(row_number() OVER () AS UINTEGER) AS number
FROM line WHERE segment = {segment} AND kind = 'pageview';

-- name: events_custom
-- Of a name that an event repeats, the last value counts, as in `stats/sql/property_value.duckdb.sql`.
WITH event AS (
    SELECT *, rowid AS place, json_keys(properties) AS names, properties->>'$.*' AS texts
    FROM line WHERE segment = {segment} AND kind = 'custom'
),
property AS (
    SELECT place, unnest(names) AS name, unnest(texts) AS text, unnest(range(len(names))) AS number
    FROM event WHERE len(list_distinct(names)) < len(names)
),
latest AS (
    SELECT place, name, max_by([text], number)[1] AS text, max(number) AS number FROM property GROUP BY place, name
),
repeated AS (
    SELECT place, list(name ORDER BY number) AS names, list(text ORDER BY number) AS texts FROM latest GROUP BY place
)
SELECT
    exit_timestamp AS timestamp, domain, path, visitor_id, session_uuid, event.name, properties,
    coalesce(repeated.names, event.names, []) AS property_keys,
    coalesce(repeated.texts, event.texts, []) AS property_values,
    '{node}' AS node, segment
FROM event LEFT JOIN repeated USING (place);

-- name: file_downloads
SELECT
    exit_timestamp AS timestamp, domain, path, visitor_id, session_uuid, url, '{node}' AS node, segment
FROM line WHERE segment = {segment} AND kind = 'download';

-- name: outbound_link_clicks
SELECT
    exit_timestamp AS timestamp, domain, path, visitor_id, session_uuid, url AS link, '{node}' AS node, segment
FROM line WHERE segment = {segment} AND kind = 'outbound';
