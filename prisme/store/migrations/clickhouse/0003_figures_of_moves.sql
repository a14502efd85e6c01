-- Imported figures and imports come by `prisme move`, and name it, as the rows of all other tables name their segment.

ALTER TABLE {database}.imported_figures {on_cluster} ADD COLUMN IF NOT EXISTS node LowCardinality(String);

ALTER TABLE {database}.imported_figures {on_cluster}
    ADD COLUMN IF NOT EXISTS segment UInt64 CODEC(DoubleDelta, ZSTD);

ALTER TABLE {database}.imports {on_cluster} ADD COLUMN IF NOT EXISTS node LowCardinality(String);
