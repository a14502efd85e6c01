-- The names of custom events' properties, by how many events have them; an event has each name once.
SELECT key, count(*) AS count FROM (SELECT arrayJoin(property_keys) AS key {rows})
GROUP BY key
