-- What a deletion asks and changes; `deletion.py` runs the statements by their names. What stands in braces is text of
-- ours: `{visits}` is a query of ids of visits, `{table}` a table with its database, `{path}` a condition on the rows of
-- event tables.

-- name: choose
-- Steps have visits of about the same time, so that each changes few months.
INSERT INTO {database}.deletions (run, step, session_uuid)
SELECT $run, intDiv(rowNumberInAllBlocks(), $visits_a_step), session_uuid
FROM (SELECT DISTINCT session_uuid FROM sessions WHERE {condition} ORDER BY toUInt128(session_uuid));

-- name: steps
SELECT step, count(*) FROM deletions WHERE run = $run AND NOT is_begun GROUP BY step ORDER BY step;

-- name: begin
INSERT INTO {database}.deletions (run, step, is_begun, of_path, parameters)
SELECT $run, $step, true, $of_path, $parameters;

-- name: pending
-- The steps that deletions of before have begun, and not completed.
SELECT run, step, of_path, parameters FROM deletions WHERE is_begun AND run <> $run ORDER BY at, step;

-- name: remains
-- The steps of this run that were not begun, and of others that ended a day ago without a chance to drop them.
SELECT run, step FROM deletions GROUP BY run, step
HAVING NOT max(is_begun) AND (run = $run OR max(at) < now() - INTERVAL 1 DAY);

-- name: drop
ALTER TABLE {database}.deletions DROP PARTITION ('{run}', {step});

-- name: open
SELECT toString(session_uuid) FROM sessions
WHERE session_uuid IN ({visits})
    AND exit_timestamp > fromUnixTimestamp64Micro($active, 'UTC')
    AND entry_timestamp > fromUnixTimestamp64Micro($entry, 'UTC');

-- name: count_events
SELECT count(*), toUnixTimestamp64Micro(min(timestamp)), toUnixTimestamp64Micro(max(timestamp))
FROM {table} WHERE session_uuid IN ({visits}) AND ({path});

-- name: delete_events
-- The bounds have it look at the parts of these months alone.
ALTER TABLE {table} DELETE
WHERE timestamp >= fromUnixTimestamp64Micro($lowest, 'UTC') AND timestamp <= fromUnixTimestamp64Micro($highest, 'UTC')
    AND session_uuid IN ({visits}) AND ({path});

-- name: count_visits
SELECT
    count(DISTINCT session_uuid), toUnixTimestamp64Micro(min(entry_timestamp)),
    toUnixTimestamp64Micro(max(entry_timestamp)), max(version)
FROM sessions WHERE session_uuid IN ({visits});

-- name: count_left
-- The visits that keep an event.
SELECT count(DISTINCT session_uuid) FROM (
    SELECT session_uuid FROM pageviews WHERE session_uuid IN ({visits}) AND NOT ({path})
    UNION ALL SELECT session_uuid FROM events_custom WHERE session_uuid IN ({visits}) AND NOT ({path})
    UNION ALL SELECT session_uuid FROM file_downloads WHERE session_uuid IN ({visits}) AND NOT ({path})
    UNION ALL SELECT session_uuid FROM outbound_link_clicks WHERE session_uuid IN ({visits}) AND NOT ({path})
);

-- name: renew
-- Visits become what they would be if the events that are gone had never come, as `../renew_visits.sql` has it. All get
-- the same version, above those of all their states.
INSERT INTO {database}.sessions
SELECT latest.* REPLACE (
    remainder.entered AS entry_timestamp, remainder.entry AS entry_path,
    remainder.ended AS exit_timestamp, remainder.exit AS exit_path, remainder.last_status AS exit_status,
    remainder.visitor AS visitor_id, remainder.views AS pageviews, remainder.others AS events,
    toUInt32($version) AS version
)
FROM (
    SELECT * FROM sessions WHERE session_uuid IN ({visits}) ORDER BY version DESC LIMIT 1 BY session_uuid
) AS latest
INNER JOIN (
    SELECT
        session_uuid AS uuid,
        min(timestamp) AS entered,
        max(timestamp) AS ended,
        -- A visit that an event began has the event's path until its first pageview.
        if(countIf(is_view) > 0, argMinIf(path, place, is_view), argMin(path, place)) AS entry,
        if(countIf(is_view) > 0, argMaxIf(path, place, is_view), argMin(path, place)) AS exit,
        if(countIf(is_view) > 0, argMaxIf(status, place, is_view), 200) AS last_status,
        argMax(visitor_id, place) AS visitor,
        countIf(is_view) AS views,
        countIf(NOT is_view) AS others
    FROM (
        SELECT timestamp, path, visitor_id, session_uuid, status, true AS is_view,
            (timestamp, node, segment, number) AS place
        FROM pageviews WHERE session_uuid IN ({visits})
        UNION ALL SELECT timestamp, path, visitor_id, session_uuid, toUInt16(0), false,
            (timestamp, node, segment, toUInt32(0))
        FROM events_custom WHERE session_uuid IN ({visits})
        UNION ALL SELECT timestamp, path, visitor_id, session_uuid, toUInt16(0), false,
            (timestamp, node, segment, toUInt32(0))
        FROM file_downloads WHERE session_uuid IN ({visits})
        UNION ALL SELECT timestamp, path, visitor_id, session_uuid, toUInt16(0), false,
            (timestamp, node, segment, toUInt32(0))
        FROM outbound_link_clicks WHERE session_uuid IN ({visits})
    )
    GROUP BY session_uuid
) AS remainder ON remainder.uuid = latest.session_uuid;

-- name: delete_states
-- All states of visits up to a version.
ALTER TABLE {database}.sessions DELETE
WHERE entry_timestamp >= fromUnixTimestamp64Micro($lowest, 'UTC')
    AND entry_timestamp <= fromUnixTimestamp64Micro($highest, 'UTC')
    AND version <= $version AND session_uuid IN ({visits});

-- name: count_figures
SELECT count(*) FROM imported_figures WHERE {condition};

-- name: delete_figures
ALTER TABLE {database}.imported_figures DELETE WHERE {condition};

-- name: forget_import
ALTER TABLE {database}.imports DELETE WHERE name = $name;
