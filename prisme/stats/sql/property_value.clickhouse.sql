-- The value of a property of a custom event, as text; NULL for none, and for the JSON value null.
-- An event has each name once, with the last value that it repeats it with.
property_values[indexOf(property_keys, {name})]
