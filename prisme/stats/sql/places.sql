-- Whether any session has a region, and whether one has a city. An empty text is the least: of blocks of rows without
-- places, DuckDB knows that none is greater, and does not read them.
SELECT EXISTS (SELECT 1 {rows} AND region > '') AS has_region, EXISTS (SELECT 1 {rows} AND city > '') AS has_city
