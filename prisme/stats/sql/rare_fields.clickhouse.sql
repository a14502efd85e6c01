-- Whether any session has a region, whether one has a city, and whether one was imported. An empty text is the least.
SELECT max(region) > '' AS has_region, max(city) > '' AS has_city, max(imported) > '' AS has_imported {rows}
