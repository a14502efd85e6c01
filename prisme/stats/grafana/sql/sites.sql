SELECT domain FROM sessions GROUP BY domain ORDER BY count() DESC, domain LIMIT 1000
