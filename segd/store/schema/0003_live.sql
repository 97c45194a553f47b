-- Live segments: which versions count when, what waits, who qualified, and what watchers are told of it.

-- imported: it counts from the instant of its import, received_at, and starts, closes and retracts nothing live.
-- origin: the number of the user that a row was written for, where a join has moved it to another; else null.
ALTER TABLE events ADD COLUMN imported boolean NOT NULL DEFAULT false, ADD COLUMN origin bigint;
UPDATE events SET imported = true WHERE NOT live;
ALTER TABLE events ADD CONSTRAINT imported_events_are_not_live CHECK (NOT (live AND imported));

-- Whose history became part of a user's, by which message, with the id that people were shown before it. A user who was
-- renamed has a row, too: old_number is then the number that the user had then.
CREATE TABLE joins (
    user_number bigint NOT NULL,
    old_number bigint NOT NULL,
    old_id text COLLATE "C" NOT NULL,
    old_anonymous boolean NOT NULL,
    at timestamptz NOT NULL,  -- the timestamp of the message
    sequence bigint NOT NULL,  -- of the message
    into_number bigint NOT NULL,  -- whose the history became then, who may have been joined to a third since
    PRIMARY KEY (user_number, sequence, old_number)
);

-- definition, version: the latest of either. What counts when stands in segment_runs.
ALTER TABLE segments
    ADD COLUMN status text NOT NULL DEFAULT 'running'
        CONSTRAINT segment_is_running_or_paused CHECK (status IN ('running', 'paused')),
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT '-infinity';

-- Uninterrupted times in which one version of a live segment counts. Its trigger sees events stamped sees_from or later,
-- all where that is null; qualifications dated from counts_from until before counts_to count. armed: what history opens
-- has its timers.
CREATE TABLE segment_runs (
    segment integer NOT NULL,
    position bigint NOT NULL,  -- of the journal, where it began
    version integer NOT NULL,
    definition jsonb NOT NULL,
    sees_from timestamptz,
    counts_from timestamptz NOT NULL,
    counts_to timestamptz,  -- null: it goes on
    armed boolean NOT NULL DEFAULT true,
    PRIMARY KEY (segment, position),
    CONSTRAINT run_ends_after_it_begins CHECK (counts_to >= counts_from)
);
CREATE UNIQUE INDEX one_run_of_a_segment_goes_on ON segment_runs (segment) WHERE counts_to IS NULL;

-- What waits for its instant: whom to wake, when, and for what. What is to happen then is decided on the history.
CREATE TABLE timers (
    user_number bigint NOT NULL,
    segment integer NOT NULL,
    cause bigint NOT NULL,  -- the sequence number of the event that opened the window
    version integer NOT NULL,
    opened timestamptz NOT NULL,
    due timestamptz NOT NULL,
    PRIMARY KEY (user_number, segment, cause)
);
CREATE INDEX timers_by_due ON timers (due);

ALTER TABLE qualifications
    ADD COLUMN anonymous boolean NOT NULL DEFAULT false,  -- what kind of id it is
    ADD COLUMN cause_id text COLLATE "C" NOT NULL DEFAULT '';  -- the messageId of the cause
DROP INDEX qualifications_of_user;
CREATE INDEX qualifications_of_user ON qualifications (user_number, at);

-- What watchers are told, once each, in order of commit. was_…: of what is corrected, the qualification it replaces.
CREATE TABLE log (
    position bigint PRIMARY KEY,
    kind text NOT NULL CONSTRAINT log_entry_kind CHECK (kind IN ('qualified', 'retracted', 'corrected')),
    segment integer NOT NULL,
    version integer NOT NULL,
    user_number bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    anonymous boolean NOT NULL,
    at timestamptz NOT NULL,
    cause bigint NOT NULL,
    cause_id text COLLATE "C" NOT NULL,
    was_version integer,
    was_id text COLLATE "C",
    was_anonymous boolean,
    was_at timestamptz,
    was_cause bigint,
    was_cause_id text COLLATE "C",
    written_at timestamptz NOT NULL,
    CONSTRAINT only_corrections_replace CHECK (
        num_nulls(was_version, was_id, was_anonymous, was_at, was_cause, was_cause_id)
        = CASE kind WHEN 'corrected' THEN 0 ELSE 6 END
    )
);
CREATE INDEX log_of_segment ON log (segment, position);
CREATE INDEX log_of_user ON log (user_number);

-- By day in the account's zone, as it was when they were written: how many qualifications dated so stand, and how many of
-- them were retracted. A correction moves one from day to day.
CREATE TABLE qualified_per_day (
    segment integer NOT NULL,
    day date NOT NULL,
    qualified bigint NOT NULL,
    retracted bigint NOT NULL,
    PRIMARY KEY (segment, day)
);

-- settled: the position up to which all that follows from the entries is written. log_position: of the last log entry.
-- effects: how often effects were written, which tells whether a commit without an answer happened. accepted_at: events
-- were accepted until then at least, about a second behind; null before the first.
ALTER TABLE journal
    ADD COLUMN settled bigint NOT NULL DEFAULT 0,
    ADD COLUMN log_position bigint NOT NULL DEFAULT 0,
    ADD COLUMN effects bigint NOT NULL DEFAULT 0,
    ADD COLUMN accepted_at timestamptz;
UPDATE journal SET settled = position;

-- The groups that are not settled, which is the last few: whom each concerned, to be looked at after a crash.
CREATE TABLE unsettled (
    position bigint PRIMARY KEY,  -- of the journal, after the group
    users bigint[] NOT NULL,
    replanned boolean NOT NULL  -- it changed segments
);
ALTER TABLE unsettled ALTER COLUMN users SET STORAGE EXTERNAL;
