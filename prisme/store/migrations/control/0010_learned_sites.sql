-- Sites and aliases that an ingestion node has from another server, whose next list replaces all of them.

CREATE TABLE learned_sites (name TEXT PRIMARY KEY);

CREATE TABLE learned_aliases (
    alias TEXT PRIMARY KEY,
    site TEXT NOT NULL
);

-- One row or none: whose list it is, the ETag of the response, and when it came.
CREATE TABLE learned_from (
    url TEXT NOT NULL,
    etag TEXT NOT NULL,
    at INTEGER NOT NULL
);

-- What was added on the node goes before what it has learned.
CREATE VIEW all_sites (name, created, creator, is_learned) AS
SELECT name, created, creator, FALSE FROM sites
UNION ALL
SELECT name, NULL, '', TRUE FROM learned_sites
WHERE name NOT IN (SELECT name FROM sites) AND name NOT IN (SELECT alias FROM aliases);

-- A learned alias of a host that is an alias on the node belongs to the site of that.
CREATE VIEW all_aliases (alias, site, is_learned) AS
SELECT alias, site, FALSE FROM aliases
UNION ALL
SELECT
    learned.alias,
    coalesce((SELECT own.site FROM aliases AS own WHERE own.alias = learned.site), learned.site),
    TRUE
FROM learned_aliases AS learned
WHERE learned.alias NOT IN (SELECT alias FROM aliases) AND learned.alias NOT IN (SELECT name FROM sites);
