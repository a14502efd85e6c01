-- Views belong to an account, or to a site, where everybody who may see the site sees them.

CREATE TABLE saved_views (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT REFERENCES accounts (name) ON DELETE CASCADE,
    site TEXT,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    CHECK ((account IS NULL) <> (site IS NULL)),
    UNIQUE (account, name),
    UNIQUE (site, name)
);

INSERT INTO saved_views (account, name, query) SELECT account, name, query FROM views ORDER BY account, name;

DROP TABLE views;

ALTER TABLE saved_views RENAME TO views;

-- Notes on charts. `at` is in Unix seconds; with a `day`, such as 2026-11-03, it is that day wherever the viewer is.
CREATE TABLE annotations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    domain TEXT NOT NULL,
    at INTEGER NOT NULL,
    day TEXT NOT NULL,
    text TEXT NOT NULL,
    created INTEGER NOT NULL,
    creator TEXT NOT NULL
);

CREATE INDEX annotations_of_domains ON annotations (domain, at);
