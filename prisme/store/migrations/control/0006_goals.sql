-- Goals of sites, and funnels of two to four of them. An empty text means that it is not wanted.

CREATE TABLE goals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    site TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('event', 'page')),
    pattern TEXT NOT NULL,
    property TEXT NOT NULL,
    value TEXT NOT NULL,
    sum_property TEXT NOT NULL,
    currency_property TEXT NOT NULL,
    created INTEGER NOT NULL,
    creator TEXT NOT NULL,
    UNIQUE (site, name)
);

CREATE TABLE funnels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    site TEXT NOT NULL,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    creator TEXT NOT NULL,
    UNIQUE (site, name)
);

-- A goal that a funnel has as a step cannot be deleted.
CREATE TABLE funnel_steps (
    funnel INTEGER NOT NULL REFERENCES funnels (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    goal INTEGER NOT NULL REFERENCES goals (id),
    PRIMARY KEY (funnel, step)
);
