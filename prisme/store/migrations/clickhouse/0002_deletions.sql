-- The visits that deletions mean, step by step (`store/clickhouse/deletion.py`): a partition is a step of a run, and is
-- dropped with it. One row of a step that was begun says so, and what the step deletes: it has `is_begun`, and no visit.

CREATE TABLE IF NOT EXISTS {database}.deletions {on_cluster} (
    run String,
    step UInt32,
    session_uuid UUID,
    is_begun Bool,
    -- With a condition, only events for which it holds; its parameters are JSON.
    of_path String CODEC(ZSTD),
    parameters String CODEC(ZSTD),
    at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = {replicated}MergeTree
PARTITION BY (run, step)
ORDER BY session_uuid
SETTINGS {window};
