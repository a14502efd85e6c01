-- Loads journal segments into the tables: the statements of one transaction.
-- Segments may be loaded out of order (one that could not be read is retried later). Each line has the state of its
-- visit after the event, with counts of pageviews and events that grow by one per line: a row changes only to a newer
-- state. Rows are updated in place: deleting and inserting them would take new disk space, and leave gaps.

-- A line omits the parts of `utm` and `place` that are empty, an empty `click_id`, and a `place` that is not known.
CREATE OR REPLACE TEMP TABLE line AS
SELECT * REPLACE (
    -- A damaged line may still be JSON: it is an event only if it has all that the tables need.
    CASE WHEN CASE kind
        WHEN 'pageview' THEN is_whole
        WHEN 'custom' THEN is_whole AND name IS NOT NULL AND json_valid(properties)
        WHEN 'download' THEN is_whole AND url IS NOT NULL
        WHEN 'outbound' THEN is_whole AND url IS NOT NULL
        -- Lines of 0.1.0 that are not events: a visit not stored yet, and one dropped from memory.
        WHEN 'copy' THEN true
        WHEN 'forget' THEN true
    END THEN kind END AS kind
) FROM (SELECT
    CAST(parse_filename(filename, true) AS UBIGINT) AS segment,
    kind,
    -- Lines of 0.1.0, without `events`, have devices hashed with a salt that no longer exists.
    CASE WHEN session.events IS NOT NULL THEN device END AS device,
    session.uuid AS session_uuid,
    session.domain AS domain,
    TRY(make_timestamp(session.entry)) AS entry_timestamp,
    session.entry_path AS entry_path,
    TRY(make_timestamp(coalesce("at", session."exit"))) AS exit_timestamp,
    coalesce(session.exit_path, session.latest) AS exit_path,
    session.status AS exit_status,
    session.visitor AS visitor_id,
    CASE session.client.os WHEN 'Mac OS X' THEN 'macOS' ELSE session.client.os END AS operating_system,
    session.client.browser AS browser_family,
    session.client.device AS client_device,
    coalesce(session.client.type, 'other') AS device_type,
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
    coalesce(session.events, 0) AS events,
    session.events IS NULL AS is_of_0_1,
    coalesce(path, session.latest) AS path,
    name,
    properties,
    url,
    uuid_extract_version(session_uuid) = 7
        AND domain IS NOT NULL AND entry_timestamp IS NOT NULL AND entry_path IS NOT NULL
        AND exit_timestamp IS NOT NULL AND exit_path IS NOT NULL AND exit_status IS NOT NULL
        AND visitor_id IS NOT NULL AND operating_system IS NOT NULL AND browser_family IS NOT NULL
        AND client_device IS NOT NULL AND referrer_domain IS NOT NULL AND country_code IS NOT NULL
        AND session.utm IS NOT NULL AND pageviews IS NOT NULL
        AND (kind = 'pageview' OR coalesce(path, session.latest) IS NOT NULL) AS is_whole
FROM read_json(
    $paths,
    format = 'newline_delimited',
    ignore_errors = true,
    -- The longest possible line, some 600 kB, is a custom event with 64 KiB of escaped properties in a session whose
    -- texts all have their maximum length. The default would reserve 32 MB.
    maximum_object_size = 1048576,
    columns = {
        kind: 'VARCHAR',
        device: 'UBIGINT',
        session: 'STRUCT(
            uuid UUID, domain VARCHAR, entry BIGINT, entry_path VARCHAR, "exit" BIGINT, exit_path VARCHAR,
            status USMALLINT, visitor VARCHAR,
            client STRUCT(os VARCHAR, browser VARCHAR, device VARCHAR, type VARCHAR),
            country VARCHAR, referrer VARCHAR,
            utm STRUCT(source VARCHAR, medium VARCHAR, campaign VARCHAR, term VARCHAR, content VARCHAR),
            pageviews UINTEGER, events UINTEGER, click_id VARCHAR, place STRUCT(region VARCHAR, city VARCHAR),
            latest VARCHAR
        )',
        path: 'VARCHAR',
        name: 'VARCHAR',
        properties: 'VARCHAR',
        url: 'VARCHAR',
        "at": 'BIGINT'
    }
));

-- A statement that ends with a kind is skipped if there is no line of that kind.
-- The order puts a session's pageviews next to each other, so that its id compresses; a time sorts faster than an id.
INSERT INTO pageviews BY NAME
SELECT exit_timestamp AS "timestamp", domain, exit_path AS path, visitor_id, session_uuid, exit_status AS status
FROM line WHERE kind = 'pageview' ORDER BY entry_timestamp;

INSERT INTO events_custom BY NAME
SELECT exit_timestamp AS "timestamp", domain, path, visitor_id, session_uuid, name, properties
FROM line WHERE kind = 'custom';

INSERT INTO file_downloads BY NAME
SELECT exit_timestamp AS "timestamp", domain, path, visitor_id, session_uuid, url
FROM line WHERE kind = 'download';

INSERT INTO outbound_link_clicks BY NAME
SELECT exit_timestamp AS "timestamp", domain, path, visitor_id, session_uuid, url AS link
FROM line WHERE kind = 'outbound';

-- Each session's newest line.
CREATE OR REPLACE TEMP TABLE newest AS
SELECT
    session_uuid, max_by(rowid, pageviews + events) AS line, max(pageviews + events) AS state,
    bool_and(is_of_0_1) AS is_of_0_1
FROM line WHERE kind NOT IN ('copy', 'forget') GROUP BY session_uuid;

-- DuckDB takes the least and the greatest id of the small side, and reads only the row groups between them.
CREATE OR REPLACE TEMP TABLE known AS
SELECT
    sessions.rowid AS id, newest.line, sessions.pageviews = 0 AS has_no_page,
    CASE WHEN newest.is_of_0_1 THEN sessions.pageviews < newest.state
        ELSE sessions.pageviews + sessions.events < newest.state END AS is_older
FROM sessions JOIN newest ON sessions.session_uuid = newest.session_uuid;

UPDATE sessions SET
    exit_timestamp = line.exit_timestamp, exit_path = line.exit_path, exit_status = line.exit_status,
    visitor_id = line.visitor_id, pageviews = line.pageviews, events = greatest(sessions.events, line.events)
FROM known JOIN line ON line.rowid = known.line
WHERE sessions.rowid = known.id AND known.is_older;

-- A visit that began with an event gets its source from its first pageview.
UPDATE sessions SET
    entry_path = line.entry_path, referrer_domain = line.referrer_domain,
    utm_source = line.utm_source, utm_medium = line.utm_medium, utm_campaign = line.utm_campaign,
    utm_term = line.utm_term, utm_content = line.utm_content, click_id = line.click_id
FROM known JOIN line ON line.rowid = known.line
WHERE sessions.rowid = known.id AND known.is_older AND known.has_no_page;

INSERT INTO sessions BY NAME
SELECT
    domain, entry_timestamp, entry_path, exit_timestamp, exit_path, exit_status, visitor_id, session_uuid,
    operating_system, browser_family, client_device AS device, device_type, referrer_domain, country_code,
    region, city, utm_source, utm_medium, utm_campaign, utm_term, utm_content, click_id, pageviews, events
FROM line WHERE rowid IN (SELECT newest.line FROM newest ANTI JOIN known USING (line))
-- Ids in the order of their time differ by fewer bits, so they compress better.
ORDER BY entry_timestamp;

-- At midnight devices get new hashes.
UPDATE state.open_sessions SET device = line.device
FROM known JOIN line ON line.rowid = known.line
WHERE open_sessions.session_uuid = line.session_uuid AND known.is_older AND open_sessions.device <> line.device;

INSERT INTO state.open_sessions BY NAME
SELECT line.device, line.session_uuid
FROM newest JOIN line ON line.rowid = newest.line
ANTI JOIN state.open_sessions AS open ON open.session_uuid = line.session_uuid
WHERE line.device IS NOT NULL
ORDER BY line.entry_timestamp;

DROP TABLE known;

DROP TABLE newest;
