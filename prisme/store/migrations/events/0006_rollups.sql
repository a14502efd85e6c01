-- Counts of whole days that are over, from which figures of long spans are made (`store/rollups.py`). They are derived:
-- made in the background, and dropped with whatever changes a row that they count.
CREATE SCHEMA rollup;

-- Whole days (UTC), from `first` up to `end`, excluded. A month is counted from its units once more.
CREATE TABLE rollup.units (
    id UINTEGER NOT NULL,
    "first" DATE NOT NULL,
    "end" DATE NOT NULL,
    is_month BOOLEAN NOT NULL,
    has_named BOOLEAN NOT NULL
);

-- Sums by half hour. A slot is numbered from 1970; `durations` is in microseconds.
CREATE TABLE rollup.slots (
    unit UINTEGER NOT NULL,
    domain VARCHAR NOT NULL,
    slot UINTEGER NOT NULL,
    pageviews UBIGINT NOT NULL,
    events UBIGINT NOT NULL,
    sessions UBIGINT NOT NULL,
    bounces UBIGINT NOT NULL,
    durations UBIGINT NOT NULL
);

-- Visitors with generated ids by the slot of a pageview, and by the latest slot in which they had one before, or 0.
CREATE TABLE rollup.visitors (
    unit UINTEGER NOT NULL,
    domain VARCHAR NOT NULL,
    slot UINTEGER NOT NULL,
    since UINTEGER NOT NULL,
    visitors UBIGINT NOT NULL
);

-- All others, one by one, as hashes of their ids: they may come back at any time.
CREATE TABLE rollup.named_visitors (
    unit UINTEGER NOT NULL,
    domain VARCHAR NOT NULL,
    slot UINTEGER NOT NULL,
    visitor UBIGINT NOT NULL
);

-- The keys of lists. `count` is in the list's own unit, `views` are the pageviews of sessions, and `durations` is in
-- microseconds. Of the visitors with generated ids, `again` had the same key on the day before the unit's first.
CREATE TABLE rollup.keys (
    unit UINTEGER NOT NULL,
    list VARCHAR NOT NULL,
    domain VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    "count" UBIGINT NOT NULL,
    visitors UBIGINT NOT NULL,
    again UBIGINT NOT NULL,
    "views" UBIGINT NOT NULL,
    bounces UBIGINT NOT NULL,
    durations UBIGINT NOT NULL
);

-- How visits came, as `store/arrivals.py` reads it.
CREATE TABLE rollup.arrivals (
    unit UINTEGER NOT NULL,
    referrer_domain VARCHAR NOT NULL,
    utm_source VARCHAR NOT NULL,
    utm_medium VARCHAR NOT NULL,
    click_id VARCHAR NOT NULL,
    sessions UBIGINT NOT NULL
);

-- Hashes of ids that look generated, but are those of visitors who come back.
CREATE TABLE rollup.recurring_visitors (
    visitor UBIGINT NOT NULL
);

-- One row: how the units are made, and whether all recurring visitors are known.
CREATE TABLE rollup.state (
    version VARCHAR NOT NULL,
    knows_recurring BOOLEAN NOT NULL
);

-- Generated ids of new files do not recur.
INSERT INTO rollup.state SELECT '', NOT EXISTS (FROM sessions);
