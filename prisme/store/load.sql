-- Journal segments, in order, into the tables: the statements of one transaction.
-- Segments may arrive out of order (one that could not be read is tried again later),
-- so that a session's row is changed to a newer state only: its pageviews never fall.
-- Rows are changed in place: what is deleted and inserted anew takes new room, and leaves holes.

-- What is as usual is left out of a line: the parts of `utm` that are empty, `real` where it is true.
CREATE OR REPLACE TEMP TABLE line AS
SELECT * REPLACE (
    -- A damaged line may still be JSON: what it lacks for the tables makes it no event, as if it were none.
    CASE WHEN CASE kind
        WHEN 'forget' THEN session_uuid IS NOT NULL
        WHEN 'pageview' THEN is_whole
        WHEN 'copy' THEN is_whole AND device IS NOT NULL AND copy IS NOT NULL
        WHEN 'custom' THEN is_whole AND "timestamp" IS NOT NULL AND name IS NOT NULL AND json_valid(properties)
        WHEN 'download' THEN is_whole AND "timestamp" IS NOT NULL AND url IS NOT NULL
        WHEN 'outbound' THEN is_whole AND "timestamp" IS NOT NULL AND url IS NOT NULL
    END THEN kind END AS kind
) FROM (SELECT
    CAST(parse_filename(filename, true) AS UBIGINT) AS segment,
    kind,
    device,
    session.uuid AS session_uuid,
    session.domain AS domain,
    TRY(make_timestamp(session.entry)) AS entry_timestamp,
    session.entry_path AS entry_path,
    TRY(make_timestamp(session."exit")) AS exit_timestamp,
    session.latest AS exit_path,
    session.status AS exit_status,
    session.visitor AS visitor_id,
    session.client.os AS operating_system,
    session.client.browser AS browser_family,
    session.client.device AS client_device,
    session.referrer AS referrer_domain,
    session.country AS country_code,
    coalesce(session.utm.source, '') AS utm_source,
    coalesce(session.utm.medium, '') AS utm_medium,
    coalesce(session.utm.campaign, '') AS utm_campaign,
    coalesce(session.utm.term, '') AS utm_term,
    coalesce(session.utm.content, '') AS utm_content,
    session.pageviews AS pageviews,
    TRY(make_timestamp(session.active)) AS active,
    -- As a patch, it has what is not NULL.
    CASE WHEN NOT session.real THEN CAST(json_merge_patch('{}', to_json(session)) AS VARCHAR) END AS copy,
    TRY(make_timestamp("at")) AS "timestamp",
    name,
    properties,
    url,
    uuid_extract_version(session_uuid) = 7
        AND domain IS NOT NULL AND entry_timestamp IS NOT NULL AND entry_path IS NOT NULL
        AND exit_timestamp IS NOT NULL AND exit_path IS NOT NULL AND exit_status IS NOT NULL
        AND visitor_id IS NOT NULL AND operating_system IS NOT NULL AND browser_family IS NOT NULL
        AND client_device IS NOT NULL AND referrer_domain IS NOT NULL AND country_code IS NOT NULL
        AND session.utm IS NOT NULL AND pageviews IS NOT NULL AND active IS NOT NULL AS is_whole
FROM read_json(
    $paths,
    format = 'newline_delimited',
    ignore_errors = true,
    -- The longest line is a custom event with 64 KiB of properties, escaped, in a session whose texts are all at
    -- their limits: some 600 kB. The default reserves 32 MB.
    maximum_object_size = 1048576,
    columns = {
        kind: 'VARCHAR',
        device: 'UBIGINT',
        session: 'STRUCT(
            uuid UUID, domain VARCHAR, entry BIGINT, entry_path VARCHAR, "exit" BIGINT, latest VARCHAR,
            status USMALLINT, visitor VARCHAR, client STRUCT(os VARCHAR, browser VARCHAR, device VARCHAR),
            country VARCHAR, referrer VARCHAR,
            utm STRUCT(source VARCHAR, medium VARCHAR, campaign VARCHAR, term VARCHAR, content VARCHAR),
            pageviews UINTEGER, active BIGINT, real BOOLEAN
        )',
        "at": 'BIGINT',
        name: 'VARCHAR',
        properties: 'VARCHAR',
        url: 'VARCHAR'
    }
));

-- A statement that ends with a kind is left out where no line is of it.
-- The pageviews of a session one after the other: they share the bytes of its id. A time sorts faster than an id.
INSERT INTO pageviews BY NAME
SELECT exit_timestamp AS "timestamp", domain, exit_path AS path, visitor_id, session_uuid, exit_status AS status
FROM line WHERE kind = 'pageview' ORDER BY entry_timestamp;

INSERT INTO events_custom BY NAME
SELECT "timestamp", domain, exit_path AS path, visitor_id, session_uuid, name, properties
FROM line WHERE kind = 'custom';

INSERT INTO file_downloads BY NAME
SELECT "timestamp", domain, exit_path AS path, visitor_id, session_uuid, url
FROM line WHERE kind = 'download';

INSERT INTO outbound_link_clicks BY NAME
SELECT "timestamp", domain, exit_path AS path, visitor_id, session_uuid, url AS link
FROM line WHERE kind = 'outbound';

-- Each session's last line, and its last pageview. Lines are in order.
CREATE OR REPLACE TEMP TABLE newest AS
SELECT
    session_uuid, max(rowid) AS line, max(rowid) FILTER (kind = 'pageview') AS pageview,
    max(pageviews) FILTER (kind = 'pageview') AS pageviews
FROM line WHERE kind IS NOT NULL GROUP BY session_uuid;

-- A join whose small side names the least and the greatest id reads the row groups between them alone.
CREATE OR REPLACE TEMP TABLE known AS
SELECT sessions.rowid AS id, newest.pageview, sessions.pageviews < newest.pageviews AS is_older
FROM sessions JOIN newest ON sessions.session_uuid = newest.session_uuid
WHERE newest.pageview IS NOT NULL;

UPDATE sessions SET
    exit_timestamp = line.exit_timestamp, exit_path = line.exit_path, exit_status = line.exit_status,
    visitor_id = line.visitor_id, pageviews = line.pageviews
FROM known JOIN line ON line.rowid = known.pageview
WHERE sessions.rowid = known.id AND known.is_older;

INSERT INTO sessions BY NAME
SELECT
    domain, entry_timestamp, entry_path, exit_timestamp, exit_path, exit_status, visitor_id, session_uuid,
    operating_system, browser_family, client_device AS device, referrer_domain, country_code,
    utm_source, utm_medium, utm_campaign, utm_term, utm_content, pageviews
FROM line WHERE rowid IN (SELECT pageview FROM newest ANTI JOIN known USING (pageview))
-- Ids that follow each other by their time differ by fewer bits.
ORDER BY entry_timestamp;

CREATE OR REPLACE TEMP TABLE known AS
SELECT
    open.rowid AS id, newest.line, open.active <= line.active AS is_older,
    line.kind = 'forget' OR (line.device IS NULL AND open.active <= line.active) AS is_over,
    open.device <> line.device OR open.copy IS DISTINCT FROM line.copy AS is_other
FROM state.open_sessions AS open
JOIN newest ON open.session_uuid = newest.session_uuid
JOIN line ON line.rowid = newest.line;

DELETE FROM state.open_sessions WHERE rowid IN (SELECT id FROM known WHERE is_over);

UPDATE state.open_sessions SET active = line.active
FROM known JOIN line ON line.rowid = known.line
WHERE open_sessions.rowid = known.id AND known.is_older AND NOT known.is_over;

UPDATE state.open_sessions SET device = line.device, copy = line.copy
FROM known JOIN line ON line.rowid = known.line
WHERE open_sessions.rowid = known.id AND known.is_older AND NOT known.is_over AND known.is_other;

INSERT INTO state.open_sessions BY NAME
SELECT device, session_uuid, active, copy
FROM line WHERE rowid IN (SELECT line FROM newest ANTI JOIN known USING (line))
    AND kind <> 'forget' AND device IS NOT NULL
ORDER BY entry_timestamp;

DROP TABLE known;

DROP TABLE newest;
