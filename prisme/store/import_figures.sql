-- Merges a chunk of imported figures: those of the same format, site, day and value are replaced where they differ.

-- Hosts that are aliases of one site have figures of the same value: they become one.
CREATE OR REPLACE TEMP TABLE figure AS
SELECT
    domain, "day", dimension, "value",
    CAST(sum(visitors) AS UBIGINT) AS visitors, CAST(sum(sessions) AS UBIGINT) AS sessions,
    CAST(sum(pageviews) AS UBIGINT) AS pageviews, CAST(sum(events) AS UBIGINT) AS events,
    CAST(sum(bounces) AS UBIGINT) AS bounces, CAST(sum(seconds) AS UBIGINT) AS seconds
FROM read_json(
    $path,
    format = 'newline_delimited',
    columns = {
        domain: 'VARCHAR', "day": 'DATE', dimension: 'VARCHAR', "value": 'VARCHAR', visitors: 'UBIGINT',
        sessions: 'UBIGINT', pageviews: 'UBIGINT', events: 'UBIGINT', bounces: 'UBIGINT', seconds: 'UBIGINT'
    }
) GROUP BY domain, "day", dimension, "value";

CREATE OR REPLACE TEMP TABLE known AS
SELECT
    there.rowid AS id, there.imported, figure.*,
    (there.visitors, there.sessions, there.pageviews, there.events, there.bounces, there.seconds)
        IS DISTINCT FROM (
            figure.visitors, figure.sessions, figure.pageviews, figure.events, figure.bounces, figure.seconds
        ) AS has_changed
FROM imported_figures AS there JOIN figure USING (domain, "day", dimension, "value")
WHERE regexp_replace(there.imported, '-\d+$', '') = $format;

CREATE OR REPLACE TEMP TABLE fresh AS
SELECT * FROM figure ANTI JOIN known USING (domain, "day", dimension, "value")
