-- History: users, events, trait writes; with them the segments and qualifications that conditions ask about.
--
-- A user is a number throughout. Its 15 top bits are hash bits of the id it began with, so that a range of numbers is a
-- fair sample of the users; its 48 low bits are the sequence number of the message that made it, of which there is one.
-- Every key of a user-owned table contains the user and no foreign key crosses users, so that the tables can later be
-- distributed by user.

-- The order of everything that changes outcomes: each message and each other entry takes the next position.
CREATE TABLE journal (
    position bigint NOT NULL,
    history_from timestamptz NOT NULL,  -- the start of a month; one partition of events holds all before it
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT journal_is_one_row CHECK (only_row)
);

-- first_seen, last_seen: the earliest and latest timestamp of the user's messages; the latter may be ten minutes behind.
CREATE TABLE users (
    number bigint PRIMARY KEY,
    id text COLLATE "C" NOT NULL,  -- what people are shown: the userId, or the anonymousId where there is no other
    anonymous boolean NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL
);

-- Whom an id means. The two kinds of id never mean one another.
CREATE TABLE user_ids (
    anonymous boolean NOT NULL,
    id text COLLATE "C" NOT NULL,
    user_number bigint NOT NULL,
    joined boolean NOT NULL,  -- of an anonymous id: its history has joined a user, which it does once
    PRIMARY KEY (anonymous, id),
    CONSTRAINT only_anonymous_ids_join CHECK (anonymous OR NOT joined)
);
CREATE INDEX user_ids_of_user ON user_ids (user_number);

CREATE TABLE event_names (
    number integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text COLLATE "C" NOT NULL UNIQUE
);

-- One row a message, `$identify`, `$group` and `$alias` among them. Events of a user stand in order of (timestamp,
-- sequence). There is no unique key: it would have to contain the timestamp, which a retry may change, and would halve
-- the rate of writing; the one writer drops repeats before it writes.
CREATE TABLE events (
    user_number bigint NOT NULL,
    timestamp timestamptz NOT NULL,
    sequence bigint NOT NULL,
    received_at timestamptz NOT NULL,
    claimed timestamptz,  -- what the client said, where that lay ahead of receipt
    name integer NOT NULL,
    live boolean NOT NULL,  -- neither imported nor older than the late band when it came
    message_id text COLLATE "C" NOT NULL,
    properties jsonb NOT NULL
) PARTITION BY RANGE (timestamp);
CREATE INDEX events_by_name ON events (name, timestamp) INCLUDE (user_number);
CREATE INDEX events_by_user ON events (user_number, timestamp);

-- What a message wrote of the traits; a null deletes. Of several writes of a trait the last in order of (timestamp,
-- sequence) holds.
CREATE TABLE trait_writes (
    user_number bigint NOT NULL,
    timestamp timestamptz NOT NULL,
    sequence bigint NOT NULL,
    traits jsonb NOT NULL,
    PRIMARY KEY (user_number, timestamp, sequence)
);

CREATE TABLE segments (
    number integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text COLLATE "C" NOT NULL UNIQUE,
    kind text NOT NULL CONSTRAINT segment_is_past_or_live CHECK (kind IN ('past', 'live')),
    definition jsonb NOT NULL,
    version integer NOT NULL DEFAULT 1
);

CREATE TABLE qualifications (
    segment integer NOT NULL,
    version integer NOT NULL,
    user_number bigint NOT NULL,
    id text COLLATE "C" NOT NULL,  -- the user's, as it was known at that instant
    cause bigint NOT NULL,  -- the sequence number of the event that opened the window or matched
    at timestamptz NOT NULL,
    retracted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (segment, user_number, cause, at)
);
CREATE INDEX qualifications_by_instant ON qualifications (segment, at) INCLUDE (user_number);
CREATE INDEX qualifications_of_user ON qualifications (user_number);

-- Makes the partitions of events for these months (UTC) where they are missing; before history_from there is always one.
-- Attached rather than made in place, which would lock out readers.
CREATE FUNCTION make_months(moments timestamptz[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month timestamp;
    partition text;
BEGIN
    FOR month IN
        SELECT DISTINCT date_trunc('month', moment AT TIME ZONE 'UTC')
        FROM unnest(moments) AS moment, journal
        WHERE moment >= history_from
        ORDER BY 1
    LOOP
        partition := 'events_' || to_char(month, 'YYYY_MM');
        IF to_regclass(partition) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING ALL)', partition);
            EXECUTE format(
                'ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                partition, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC'
            );
        END IF;
    END LOOP;
END
$$;

DO $$
DECLARE
    history_from timestamptz := (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '10 years') AT TIME ZONE 'UTC';
BEGIN
    INSERT INTO journal (position, history_from) VALUES (0, history_from);
    EXECUTE format(
        'CREATE TABLE events_before PARTITION OF events FOR VALUES FROM (MINVALUE) TO (%L)', history_from
    );
END
$$;
