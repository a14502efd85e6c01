-- How many days the figures of imports are from, the first and the last one, and the names of the imports.
SELECT count(DISTINCT "day"), min("day"), max("day"), list(DISTINCT imported ORDER BY imported) {rows} {kind}
