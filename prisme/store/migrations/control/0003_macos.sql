-- One system has one name now, also where a saved view filters by it: as browsers encode the old one.

UPDATE views SET query = replace(replace(query, 'Mac+OS+X', 'macOS'), 'Mac%20OS%20X', 'macOS')
WHERE query LIKE '%os=%';
