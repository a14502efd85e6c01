-- Sites that were added beside those of the option origins: a host, or *.example.com.

CREATE TABLE sites (
    name TEXT PRIMARY KEY,
    created INTEGER NOT NULL,
    creator TEXT NOT NULL
);

-- Other hosts of a site; `site` is a host of `sites`, or of the option origins.
CREATE TABLE aliases (
    alias TEXT PRIMARY KEY,
    site TEXT NOT NULL,
    created INTEGER NOT NULL,
    creator TEXT NOT NULL
);

-- One row: each change of the two tables adds 1, by which a running server notices it.
CREATE TABLE site_revision (number INTEGER NOT NULL);

INSERT INTO site_revision VALUES (1);
