-- Visits count their events and name a kind of device, and each session_uuid of any table is in `sessions` once.
-- It has to work with 128 MB, whatever the file's size: what is held for each visit is narrow and can be spilled, and
-- the wide rows are written again as they are read, in their order, which row groups are found by.

CREATE TEMP TABLE visit AS
SELECT session_uuid, min(id) AS first, max(id) AS id, count("timestamp") AS events, max("timestamp") AS latest
FROM (
    SELECT session_uuid, rowid AS id, CAST(NULL AS TIMESTAMP) AS "timestamp" FROM sessions
    UNION ALL SELECT session_uuid, NULL, NULL FROM pageviews
    UNION ALL SELECT session_uuid, NULL, "timestamp" FROM events_custom
    UNION ALL SELECT session_uuid, NULL, "timestamp" FROM file_downloads
    UNION ALL SELECT session_uuid, NULL, "timestamp" FROM outbound_link_clicks
) GROUP BY session_uuid;

-- No constraint ever forbade a second row of a session: the later one stays.
DELETE FROM sessions USING visit
WHERE visit.first < visit.id AND sessions.session_uuid = visit.session_uuid AND sessions.rowid < visit.id;

CREATE TEMP TABLE addition AS SELECT id, events, latest FROM visit WHERE id IS NOT NULL ORDER BY id;

CREATE TEMP TABLE orphan AS SELECT session_uuid FROM visit WHERE id IS NULL;

DROP TABLE visit;

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
    utm_source VARCHAR NOT NULL,
    utm_medium VARCHAR NOT NULL,
    utm_campaign VARCHAR NOT NULL,
    utm_term VARCHAR NOT NULL,
    utm_content VARCHAR NOT NULL,
    pageviews UINTEGER NOT NULL,
    events UINTEGER NOT NULL,
    is_bounce BOOLEAN GENERATED ALWAYS AS (pageviews <= 1 AND events = 0) VIRTUAL
);

INSERT INTO visits BY NAME
SELECT
    domain, entry_timestamp, entry_path, greatest(exit_timestamp, latest) AS exit_timestamp, exit_path, exit_status,
    visitor_id, session_uuid,
    CASE operating_system WHEN 'Mac OS X' THEN 'macOS' ELSE operating_system END AS operating_system,
    browser_family, device,
    -- The regular expressions mean the same to Python's `re`. What the device says comes first: a television may have
    -- Linux or Windows as its system, a tablet macOS.
    CASE
        WHEN regexp_matches(device, '(?i)playstation|xbox|nintendo') THEN 'console'
        WHEN regexp_matches(device, '^AFT') THEN 'tv'
        WHEN regexp_matches(
            device,
            '(?i)tablet|(tab|pad)(\b|[ _-]?\d)|playbook|kindle|^KF[A-Z]{2}|transformer|\bbn[rt]v\d|'
            || '\bsm-[ptx]\d|\bgt-(p|n[58])\d|nexus (7|9|10)\b|pixel c\b|\btb-?[a-z]?\d'
        ) THEN 'tablet'
        WHEN regexp_matches(
            device,
            '(?i)\btv\b|(apple|google|hbb|smart|web)tv|inettv|netcast|chromecast|shield|bravia|\bmi ?box|\broku\b'
        ) THEN 'tv'
        WHEN regexp_matches(device, '(?i)^samsung sm-|^palm|^generic .*phone|^iphone|^ipod|^blackberry|^nokia')
            THEN 'mobile'
        WHEN regexp_matches(
            operating_system,
            '^(iOS|Android|HarmonyOS|Windows (Phone|Mobile)|KaiOS|Firefox OS|BlackBerry OS|Bada|MeeGo|Maemo|Sailfish|'
            || 'BREW|Brew MP|Symbian.*|Nokia.*)$'
        ) THEN 'mobile'
        WHEN operating_system IN ('BlackBerry Tablet OS', 'Kindle', 'WeTab') THEN 'tablet'
        WHEN regexp_matches(
            operating_system,
            '^(Tizen|webOS|Web0S|tvOS|ATV OS X|GoogleTV|WebTV|FireHbbTV|Roku|Chromecast.*)$'
        ) THEN 'tv'
        WHEN regexp_matches(
            operating_system,
            '^(Windows|macOS|Mac OS|Mac OS X|Chrome OS|Linux|Linux Mint|.*[Uu]buntu|Debian|Fedora|Red Hat|CentOS|'
            || 'SUSE|openSUSE|Mandriva|Mageia|Arch Linux|Gentoo|Slackware|PCLinuxOS|Puppy|BackTrack|.*BSD|Solaris|'
            || 'SerenityOS)$'
        ) THEN 'desktop'
        ELSE 'other'
    END AS device_type,
    referrer_domain, country_code, utm_source, utm_medium, utm_campaign, utm_term, utm_content, pageviews,
    CASE WHEN sessions.rowid = id THEN events ELSE error('the rows of sessions came in another order') END AS events
FROM sessions POSITIONAL JOIN addition;

-- What is in no session, such as events of a second tab that never got a pageview, becomes a visit of which no more is
-- known. These rows come last, so that no other has to move.
INSERT INTO visits BY NAME
SELECT
    arg_min(domain, "timestamp") AS domain,
    min("timestamp") AS entry_timestamp,
    coalesce(arg_min(path, "timestamp") FILTER (status IS NOT NULL), arg_min(path, "timestamp")) AS entry_path,
    max("timestamp") AS exit_timestamp,
    coalesce(arg_max(path, "timestamp") FILTER (status IS NOT NULL), arg_max(path, "timestamp")) AS exit_path,
    coalesce(arg_max(status, "timestamp") FILTER (status IS NOT NULL), 200) AS exit_status,
    arg_max(visitor_id, "timestamp") AS visitor_id,
    session_uuid,
    'Other' AS operating_system, 'Other' AS browser_family, 'Other' AS device, 'other' AS device_type,
    'direct' AS referrer_domain, 'XX' AS country_code,
    '' AS utm_source, '' AS utm_medium, '' AS utm_campaign, '' AS utm_term, '' AS utm_content,
    count(status) AS pageviews, count(*) - count(status) AS events
FROM (
    SELECT "timestamp", domain, path, visitor_id, session_uuid, status FROM pageviews
    UNION ALL BY NAME SELECT "timestamp", domain, path, visitor_id, session_uuid FROM events_custom
    UNION ALL BY NAME SELECT "timestamp", domain, path, visitor_id, session_uuid FROM file_downloads
    UNION ALL BY NAME SELECT "timestamp", domain, path, visitor_id, session_uuid FROM outbound_link_clicks
) SEMI JOIN orphan USING (session_uuid)
GROUP BY session_uuid
ORDER BY entry_timestamp;

DROP TABLE orphan;

DROP TABLE addition;

DROP TABLE sessions;

ALTER TABLE visits RENAME TO sessions;

-- Devices are hashed with another key now, and what was open is not found again.
DROP TABLE state.open_sessions;

CREATE TABLE state.open_sessions (
    device UBIGINT NOT NULL,
    session_uuid UUID NOT NULL
);
