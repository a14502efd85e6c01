-- The time of the first of some rows (microseconds).
SELECT epoch_us(min(first)) FROM ({rows})
