-- The visitors of a part of a span with their pageviews, by bucket; and the pageviews by the keys of some lists, if there
-- are any, counted in the same pass: `which` is the number of the list, NULL in the rows of visitors.
-- It is a table, and not a part of the next query, so that DuckDB knows how few rows it has when it orders the join.
CREATE OR REPLACE TEMP TABLE came AS
SELECT {which} AS which, {key} AS key, bucket, id, count(*) AS views
FROM (SELECT {bucket} AS bucket, {visitor} AS id{columns} {rows})
GROUP BY GROUPING SETS ((bucket, id){sets})
