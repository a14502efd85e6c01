-- Who may look at the figures. Times are Unix seconds; lists are JSON; what is secret is stored as a hash alone.

CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('admin', 'viewer')),
    domains TEXT NOT NULL,
    password TEXT NOT NULL,
    created INTEGER NOT NULL
);

CREATE TABLE logins (
    digest BLOB PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    expires INTEGER NOT NULL
);

-- Without an account, the operator made it on the command line. `domains` NULL is all domains.
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    account TEXT REFERENCES accounts (name) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    domains TEXT,
    created INTEGER NOT NULL,
    expires INTEGER
);

CREATE TABLE shares (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    domain TEXT NOT NULL,
    password TEXT,
    created INTEGER NOT NULL,
    expires INTEGER
);

-- Browsers that have given a share link's password.
CREATE TABLE unlocks (
    digest BLOB PRIMARY KEY,
    share INTEGER NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
    expires INTEGER NOT NULL
);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
