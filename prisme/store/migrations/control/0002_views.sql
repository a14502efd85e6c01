-- Pages that a person wants to come back to: what stands behind the `?` of the dashboard.

CREATE TABLE views (
    account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    PRIMARY KEY (account, name)
);
