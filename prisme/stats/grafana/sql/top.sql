SELECT {column} AS "{title}", count() AS "{unit}"
FROM {table} WHERE {within} AND {column} <> ''
GROUP BY {column} ORDER BY count() DESC, {column} LIMIT {limit}
