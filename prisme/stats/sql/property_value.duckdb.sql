-- The value of a property of a custom event, as text; NULL for none, and for the JSON value null.
-- Of a name that an event repeats, the last value counts, as in JSON parsers; a pointer finds the first one.
CASE
    WHEN list_position(json_keys(properties), {name})
        <= len(json_keys(properties)) - list_position(list_reverse(json_keys(properties)), {name})
    THEN (properties->>'$.*')[len(json_keys(properties)) + 1 - list_position(list_reverse(json_keys(properties)), {name})]
    ELSE properties->>{pointer}
END
