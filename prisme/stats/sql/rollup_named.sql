-- The other visitors of a unit by slot.
INSERT INTO {named} SELECT DISTINCT domain, slot, visitor FROM action WHERE NOT is_generated
