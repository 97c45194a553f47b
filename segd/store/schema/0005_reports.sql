-- What reports keep of past segments, and how users are found by e-mail.

-- How many were in a past segment at a midnight of the account. sample: numbers of some. taken_at: what the segment means
-- may have changed since.
CREATE TABLE snapshots (
    segment integer NOT NULL,
    as_of timestamptz NOT NULL,
    members bigint NOT NULL,
    sample bigint[] NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (segment, as_of)
);

-- When each past segment was asked last. problem: why there is no answer, a sentence.
CREATE TABLE evaluations (
    segment integer PRIMARY KEY,
    as_of timestamptz NOT NULL,
    milliseconds integer NOT NULL,
    members bigint,
    problem text,
    CONSTRAINT evaluation_has_members_or_a_problem CHECK ((members IS NULL) = (problem IS NOT NULL))
);

-- An index takes no long text, and what is not text has a form as text, too.
CREATE INDEX trait_writes_by_email ON trait_writes (left(lower(traits ->> 'email'), 200) COLLATE "C")
    WHERE traits ? 'email';

-- Ids of forgotten users, of which no message is taken for a while. Hashes, for the id itself is forgotten, too.
CREATE TABLE refused_ids (
    anonymous boolean NOT NULL,
    id_hash bytea NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (anonymous, id_hash)
);
