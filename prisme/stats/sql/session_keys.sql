-- The sessions of a part of a span by groups of columns that depend on each other: so few rows that lists of them, also
-- by expressions that are looked up, are counted in no time. `together` is the number of the group.
CREATE OR REPLACE TEMP TABLE alike AS
SELECT CASE {cases} END AS together, {columns}, count(*) AS sessions {rows} GROUP BY GROUPING SETS ({sets})
