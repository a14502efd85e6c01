-- The domains of some rows, at most two: more than one is all that has to be known.
SELECT DISTINCT domain {rows} LIMIT 2
