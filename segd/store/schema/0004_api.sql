-- What people and programs need: keys, and who is sent what happens.

-- Tokens of the API. They are random, so a plain hash is enough to keep.
CREATE TABLE tokens (
    number integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    scope text NOT NULL CONSTRAINT token_scope CHECK (scope IN ('read', 'manage')),
    hash bytea NOT NULL UNIQUE,  -- SHA-256
    created_at timestamptz NOT NULL,
    last_used_at timestamptz  -- may stay a minute behind
);

-- Browsers that are signed in. token: the one that they signed in with, whose end is theirs; null for the daemon's link.
CREATE TABLE sessions (
    hash bytea PRIMARY KEY,  -- SHA-256 of the cookie
    scope text NOT NULL CONSTRAINT session_scope CHECK (scope IN ('read', 'manage')),
    token integer REFERENCES tokens ON DELETE CASCADE,
    until timestamptz NOT NULL
);

-- Who is sent a segment's log. cursor: the position up to which it was delivered.
CREATE TABLE webhooks (
    number integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    segment integer NOT NULL,
    url text NOT NULL,
    secret text NOT NULL,
    cursor bigint NOT NULL,
    status text NOT NULL DEFAULT 'running' CONSTRAINT webhook_status CHECK (status IN ('running', 'off')),
    reason text,  -- why it is off, or what the last attempt met
    created_at timestamptz NOT NULL,
    delivered_at timestamptz,
    failing_since timestamptz  -- null while the last attempt was taken
);
CREATE INDEX webhooks_of_segment ON webhooks (segment);
