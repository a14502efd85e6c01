-- The other visitors of a unit by slot.
INSERT INTO {named} SELECT DISTINCT domain, slot, visitor FROM action WHERE (visitor & 1) = 0
