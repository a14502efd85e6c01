-- How many days the figures of imports are from, the first and the last one, and the names of the imports.
SELECT count(DISTINCT "day"), min("day"), max("day"), arraySort(groupUniqArray(imported)) {rows} {kind}
