-- Stores what `import_visits.sql` found to be new.

DELETE FROM sessions WHERE session_uuid IN (SELECT session_uuid FROM known WHERE has_grown);

DELETE FROM pageviews WHERE session_uuid IN (SELECT session_uuid FROM known WHERE has_grown);

DELETE FROM events_custom WHERE session_uuid IN (SELECT session_uuid FROM known WHERE has_grown);

DELETE FROM file_downloads WHERE session_uuid IN (SELECT session_uuid FROM known WHERE has_grown);

DELETE FROM outbound_link_clicks WHERE session_uuid IN (SELECT session_uuid FROM known WHERE has_grown);

INSERT INTO sessions BY NAME SELECT * EXCLUDE ("of") FROM fresh ORDER BY entry_timestamp;

-- Texts that are empty, and 0, are left out in the lines.
CREATE OR REPLACE TEMP TABLE happened AS
SELECT
    entry_timestamp, "row".kind AS kind, make_timestamp("row"."at") AS "timestamp", domain, "row".path AS path,
    coalesce("row".visitor, visitor_id) AS visitor_id, session_uuid, coalesce("row".status, 0) AS status,
    coalesce("row".name, '') AS name, coalesce("row".properties, '{}') AS properties,
    coalesce("row".url, '') AS url
FROM line JOIN fresh USING ("of") WHERE "row" IS NOT NULL;

INSERT INTO pageviews BY NAME
SELECT "timestamp", domain, path, visitor_id, session_uuid, status
FROM happened WHERE kind = 'pageview' ORDER BY entry_timestamp, session_uuid, "timestamp";

INSERT INTO events_custom BY NAME
SELECT "timestamp", domain, path, visitor_id, session_uuid, name, properties
FROM happened WHERE kind = 'custom' ORDER BY entry_timestamp, session_uuid, "timestamp";

INSERT INTO file_downloads BY NAME
SELECT "timestamp", domain, path, visitor_id, session_uuid, url
FROM happened WHERE kind = 'download' ORDER BY entry_timestamp, session_uuid, "timestamp";

INSERT INTO outbound_link_clicks BY NAME
SELECT "timestamp", domain, path, visitor_id, session_uuid, url AS link
FROM happened WHERE kind = 'outbound' ORDER BY entry_timestamp, session_uuid, "timestamp";
