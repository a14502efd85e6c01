-- What of a site's figures is public: 1 is on. A site without a row shares nothing.

CREATE TABLE sharing (
    site TEXT PRIMARY KEY,
    public INTEGER NOT NULL DEFAULT 0,
    embed INTEGER NOT NULL DEFAULT 0,
    badge INTEGER NOT NULL DEFAULT 0
);
