-- Visits count their events and name a kind of device, and each session_uuid of any table is in `sessions` once.
-- Columns keep an order that people read, so the table is written again. No step holds more than DuckDB can spill.

-- Nothing ever forbade a second row of a visit: the one with the most pageviews stays.
CREATE TEMP TABLE twice AS
SELECT session_uuid FROM sessions GROUP BY session_uuid HAVING count(*) > 1;

DELETE FROM sessions WHERE rowid IN (
    SELECT id FROM (
        SELECT sessions.rowid AS id,
            row_number() OVER (PARTITION BY session_uuid ORDER BY pageviews DESC, exit_timestamp DESC, sessions.rowid) AS place
        FROM sessions SEMI JOIN twice USING (session_uuid)
    ) WHERE place > 1
);

DROP TABLE twice;

CREATE TEMP TABLE happened AS
SELECT session_uuid, count(*) AS events, max("timestamp") AS latest
FROM (
    SELECT session_uuid, "timestamp" FROM events_custom
    UNION ALL SELECT session_uuid, "timestamp" FROM file_downloads
    UNION ALL SELECT session_uuid, "timestamp" FROM outbound_link_clicks
) GROUP BY session_uuid;

-- The copies of a direct visit for a second tab, of which events came but no pageview.
CREATE TEMP TABLE orphan AS
SELECT session_uuid FROM happened ANTI JOIN sessions USING (session_uuid)
UNION
SELECT session_uuid FROM pageviews ANTI JOIN sessions USING (session_uuid);

-- Tablets and televisions first: a television may say Linux or Windows, a tablet macOS. The expressions are those of
-- RE2 and of Python's `re` alike.
CREATE TEMP TABLE kind AS
SELECT operating_system, device, CASE
    WHEN regexp_matches(device, '(?i)playstation|xbox|nintendo') THEN 'console'
    WHEN regexp_matches(device, '^AFT') THEN 'tv'
    WHEN regexp_matches(
        device,
        '(?i)tablet|tab\b|tab[ _-]?\d|pad\b|pad[ _-]?\d|playbook|kindle|^KF[A-Z]{2,}|transformer|\bbn[tr]v\d|'
        || '\bsm-[ptx]\d|\bgt-[pn]\d|nexus (7|9|10)\b|pixel c\b|\btb-?[a-z]?\d'
    ) THEN 'tablet'
    WHEN regexp_matches(
        device,
        '(?i)\btv\b|(apple|google|hbb|inet|smart|web)tv|inettv|netcast|chromecast|shield|bravia|\bmi ?box|\broku\b'
    ) THEN 'tv'
    WHEN operating_system IN ('iOS', 'Android', 'HarmonyOS', 'Windows Phone', 'Windows Mobile', 'KaiOS', 'Firefox OS',
        'BlackBerry OS', 'Bada', 'MeeGo', 'Maemo', 'Sailfish', 'BREW', 'Brew MP')
        OR regexp_matches(operating_system, '^(Symbian|Nokia)') THEN 'mobile'
    WHEN operating_system IN ('BlackBerry Tablet OS', 'WeTab', 'Kindle') THEN 'tablet'
    WHEN regexp_matches(device, '(?i)^samsung sm-|^palm|^generic .*phone|^iphone|^ipod|^blackberry|^nokia') THEN 'mobile'
    WHEN operating_system IN ('Tizen', 'webOS', 'Web0S', 'tvOS', 'ATV OS X', 'GoogleTV', 'WebTV', 'Roku', 'FireHbbTV')
        OR operating_system LIKE 'Chromecast%' THEN 'tv'
    WHEN operating_system IN ('Windows', 'Mac OS X', 'macOS', 'Mac OS', 'Chrome OS', 'Linux', 'Ubuntu', 'Kubuntu',
        'Lubuntu', 'Debian', 'Fedora', 'Red Hat', 'CentOS', 'SUSE', 'openSUSE', 'Mandriva', 'Mageia', 'Linux Mint',
        'Arch Linux', 'Gentoo', 'Slackware', 'PCLinuxOS', 'Puppy', 'BackTrack', 'Solaris', 'SerenityOS')
        OR operating_system LIKE '%BSD' THEN 'desktop'
    ELSE 'other'
END AS device_type
FROM (SELECT DISTINCT operating_system, device FROM sessions);

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
    browser_family, device, device_type, referrer_domain, country_code,
    utm_source, utm_medium, utm_campaign, utm_term, utm_content, pageviews, coalesce(events, 0) AS events
FROM sessions
JOIN kind USING (operating_system, device)
LEFT JOIN happened USING (session_uuid)
UNION ALL BY NAME
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
-- What a load changes is found by the least and greatest id of row groups, which are of their time's order.
ORDER BY entry_timestamp;

DROP TABLE kind;

DROP TABLE orphan;

DROP TABLE happened;

DROP TABLE sessions;

ALTER TABLE visits RENAME TO sessions;

-- Hashes of devices were made with a key that is no more: no visit of before goes on.
DROP TABLE state.open_sessions;

CREATE TABLE state.open_sessions (
    device UBIGINT NOT NULL,
    session_uuid UUID NOT NULL
);
