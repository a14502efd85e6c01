-- For how many days the visits of a site are kept, 0 for ever. For a site without a row, the option retention_days says.

CREATE TABLE retention (
    site TEXT PRIMARY KEY,
    days INTEGER NOT NULL
);
