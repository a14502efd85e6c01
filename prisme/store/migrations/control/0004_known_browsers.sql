-- Browsers that have logged in: whose wrong passwords are counted on their own. They give no access.

CREATE TABLE browsers (
    digest BLOB PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    expires INTEGER NOT NULL
);

-- Who made a link, as the audit log names them, and the account of that name until it is removed.
ALTER TABLE shares ADD COLUMN creator TEXT NOT NULL DEFAULT '';

ALTER TABLE shares ADD COLUMN account TEXT REFERENCES accounts (name) ON DELETE SET NULL;

UPDATE shares SET creator = coalesce(
    (SELECT actor FROM audit WHERE action = 'share.add' AND subject = 'share:' || shares.id ORDER BY audit.id LIMIT 1), ''
);

UPDATE shares SET account = (SELECT name FROM accounts WHERE 'user:' || name = creator);

-- Each kind has a limit of its own, and attempts are counted by the hour.
ALTER TABLE audit ADD COLUMN kind TEXT NOT NULL DEFAULT 'change';

ALTER TABLE audit ADD COLUMN count INTEGER NOT NULL DEFAULT 1;

UPDATE audit SET kind = 'login' WHERE action = 'login';

CREATE INDEX audit_kinds ON audit (kind, id);
