-- Whether any session has a region, whether one has a city, and whether one was imported. An empty text is the least: of
-- blocks of rows without such, DuckDB knows that none is greater, and does not read them.
SELECT EXISTS (SELECT 1 {rows} AND region > '') AS has_region, EXISTS (SELECT 1 {rows} AND city > '') AS has_city,
       EXISTS (SELECT 1 {rows} AND imported > '') AS has_imported
