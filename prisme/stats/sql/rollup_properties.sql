-- The names of custom events' properties, as in `custom_properties.duckdb.sql`, of a unit.
INSERT INTO {keys}
SELECT '{list}', domain, key, sum(count), 0, 0, 0, 0, 0 FROM (
    SELECT domain, unnest(list_distinct(names)) AS key, count
    FROM (
        SELECT domain, json_keys(properties) AS names, count(*) AS count FROM events_custom
        WHERE "timestamp" >= make_timestamp($start) AND "timestamp" < make_timestamp($stop)
        GROUP BY ALL
    )
)
GROUP BY domain, key
