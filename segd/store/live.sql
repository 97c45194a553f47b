-- What the journal writes beside events: what follows from them for live segments, and how far that is done.


-- Effects -------------------------------------------------------------------------------------------------------------

-- recorded --
-- $1 segments, $2 users, $3 causes, $4 instants, side by side. Those of these qualifications that are on record.
SELECT q.segment, q.user_number, q.cause, q.at, q.retracted
FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::timestamptz[]) AS k (segment, user_number, cause, at)
JOIN qualifications AS q ON (q.segment, q.user_number, q.cause, q.at) = (k.segment, k.user_number, k.cause, k.at)

-- record --
-- $1 segments, $2 versions, $3 users, $4 ids, $5 whether anonymous, $6 causes, $7 their ids, $8 instants, $9 whether
-- retracted. One that is on record gets its version, its id and whether it is retracted from here.
INSERT INTO qualifications AS q (segment, version, user_number, id, anonymous, cause, cause_id, at, retracted)
SELECT * FROM unnest(
    $1::integer[], $2::integer[], $3::bigint[], $4::text[], $5::boolean[], $6::bigint[], $7::text[], $8::timestamptz[],
    $9::boolean[]
)
ON CONFLICT (segment, user_number, cause, at) DO UPDATE
SET version = excluded.version, id = excluded.id, anonymous = excluded.anonymous, retracted = excluded.retracted

-- write_log --
-- $1 positions, $2 kinds, $3 segments, $4 versions, $5 users, $6 ids, $7 whether anonymous, $8 instants, $9 causes, $10
-- their ids; $11 to $16 of what is corrected, else null: versions, ids, whether anonymous, instants, causes, their ids;
-- $17 the present.
INSERT INTO log (
    position, kind, segment, version, user_number, id, anonymous, at, cause, cause_id,
    was_version, was_id, was_anonymous, was_at, was_cause, was_cause_id, written_at
)
SELECT *, $17::timestamptz FROM unnest(
    $1::bigint[], $2::text[], $3::integer[], $4::integer[], $5::bigint[], $6::text[], $7::boolean[], $8::timestamptz[],
    $9::bigint[], $10::text[],
    $11::integer[], $12::text[], $13::boolean[], $14::timestamptz[], $15::bigint[], $16::text[]
)

-- count_per_day --
-- $1 segments, $2 days, side by side, each pair once; $3 how many more qualifications stand, $4 are retracted.
INSERT INTO qualified_per_day AS d (segment, day, qualified, retracted)
SELECT * FROM unnest($1::integer[], $2::date[], $3::bigint[], $4::bigint[])
ON CONFLICT (segment, day) DO UPDATE
SET qualified = d.qualified + excluded.qualified, retracted = d.retracted + excluded.retracted

-- drop_those_timers --
-- $1 users, $2 segments, $3 causes.
DELETE FROM timers AS t USING unnest($1::bigint[], $2::integer[], $3::bigint[]) AS gone (user_number, segment, cause)
WHERE (t.user_number, t.segment, t.cause) = (gone.user_number, gone.segment, gone.cause)

-- set_timers --
-- $1 users, $2 segments, $3 causes, $4 versions, $5 when they were opened, $6 are due.
INSERT INTO timers (user_number, segment, cause, version, opened, due)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::integer[], $5::timestamptz[], $6::timestamptz[])
ON CONFLICT (user_number, segment, cause) DO UPDATE
SET version = excluded.version, opened = excluded.opened, due = excluded.due


-- How far the journal is ----------------------------------------------------------------------------------------------

-- advance_live --
-- $1 and $2 from, $3 to $6 to: as `end_of_journal`. $7 the position up to which all effects are written, $8 until when
-- events were accepted, $9 how long segd has run; where entries were added, $10 whom they concern, and $11 whether they
-- changed segments.
WITH done AS (
    DELETE FROM unsettled WHERE position <= $7
), left_to_do AS (
    INSERT INTO unsettled (position, users, replanned) SELECT $3::bigint, $10::bigint[], $11::boolean WHERE $3 > $1
)
UPDATE journal SET position = $3, effects = $4, log_position = $5, mark = $6, settled = $7, accepted_at = $8, ran = $9
WHERE position = $1 AND effects = $2

-- beat --
-- $1 the position up to which all effects are written, $2 until when events were accepted, $3 how long segd has run. Not
-- waited for until it is on the disk.
WITH done AS (DELETE FROM unsettled WHERE position <= $1)
UPDATE journal SET settled = $1, accepted_at = $2, ran = $3
WHERE only_row AND set_config('synchronous_commit', 'off', true) = 'off'

-- try_to_write --
-- Takes some megabytes where the tables are, and gives them back. Fails while that disk is full, or the server takes no
-- writes.
CREATE UNLOGGED TABLE tried_to_write AS SELECT repeat('x', 1900) AS filling FROM generate_series(1, 2000);
DROP TABLE tried_to_write

-- unsettled --
-- One row: whom the groups concern that are not settled, whether one of them changed segments, the position up to which
-- all effects are written, when events were last accepted, and how long segd has run.
SELECT
    ARRAY(SELECT DISTINCT number FROM unsettled CROSS JOIN unnest(users) AS of (number) JOIN users USING (number))
        AS users,
    EXISTS (SELECT FROM unsettled WHERE replanned) AS replanned,
    settled, accepted_at, ran
FROM journal
