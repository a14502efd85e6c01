-- The time of the first of some rows (microseconds).
SELECT toUnixTimestamp64Micro(min(first)) FROM ({rows})
