-- What the daemon's actors are made of: the stored users, and the segments that count.
--
-- Written like `queries.sql`; every statement here is whole.


-- Users as they are stored --------------------------------------------------------------------------------------------

-- look_up_in_this --
-- For one transaction that asks for nothing but rows by their keys, as `look_up_by_key` is for a connection.
SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off

-- users_by_number --
-- $1 numbers. This and the next five give nothing for a number that is no user's.
SELECT number, id, anonymous FROM users WHERE number = ANY ($1::bigint[])

-- events_of_users --
-- $1 numbers, $2 since (null: ever), $3 whether events of all names, $4 the names otherwise, $5 those with properties.
-- Whatever the planner thinks, each user is looked up (OFFSET), in the months they were seen in (last_seen may be behind),
-- and by nothing but that (+ 0: an index on names would find everybody's).
SELECT e.user_number, e.timestamp, e.sequence, e.received_at, e.live, e.imported, e.origin, e.message_id, n.name,
    CASE WHEN n.name = ANY ($5::text[]) THEN e.properties::text END, NULL AS traits
FROM users AS u
CROSS JOIN LATERAL (
    SELECT * FROM events
    WHERE user_number = u.number AND timestamp >= greatest(u.first_seen, $2::timestamptz)
        AND timestamp <= u.last_seen + interval '10 minutes'
        AND ($3::boolean OR name + 0 = ANY (
            (SELECT array_agg(number) FROM event_names WHERE name = ANY ($4::text[]))::integer[]
        ))
    OFFSET 0
) AS e
JOIN event_names AS n ON n.number = e.name
WHERE u.number = ANY ($1::bigint[])

-- trait_writes_of_users --
-- $1 numbers, $2 traits, $3 names of events with properties. Events that wrote any of the traits, and all that they wrote.
SELECT e.user_number, e.timestamp, e.sequence, e.received_at, e.live, e.imported, e.origin, e.message_id, n.name,
    CASE WHEN n.name = ANY ($3::text[]) THEN e.properties::text END, w.traits
FROM (
    SELECT user_number, timestamp, sequence, traits::text FROM trait_writes
    WHERE user_number = ANY ($1::bigint[]) AND traits ?| $2::text[]
    OFFSET 0
) AS w
CROSS JOIN LATERAL (
    SELECT * FROM events
    WHERE user_number = w.user_number AND timestamp = w.timestamp AND sequence = w.sequence
    OFFSET 0
) AS e
JOIN event_names AS n ON n.number = e.name

-- joins_of_users --
-- $1 numbers.
SELECT user_number, old_number, into_number, old_id, old_anonymous, at, sequence FROM joins
WHERE user_number = ANY ($1::bigint[])

-- standing_of_users --
-- $1 numbers.
SELECT user_number, segment, version, id, anonymous, at, cause, cause_id FROM qualifications
WHERE user_number = ANY ($1::bigint[]) AND NOT retracted

-- timers_of_users --
-- $1 numbers.
SELECT user_number, segment, version, cause, opened, due FROM timers WHERE user_number = ANY ($1::bigint[])

-- due_users --
-- $1 from (null: ever), $2 until before. Whom timers wake then, and when first.
SELECT user_number, min(due) FROM timers
WHERE due >= coalesce($1::timestamptz, '-infinity') AND due < $2::timestamptz GROUP BY user_number

-- users_ahead --
-- Users with live events that came before a run of which nothing is settled yet, but are stamped when it counts: clocks
-- of clients go ahead a little. And when the first of these events was.
SELECT e.user_number, min(e.timestamp)
FROM segment_runs AS r
CROSS JOIN LATERAL (
    SELECT user_number, timestamp FROM events
    WHERE name = ANY (ARRAY(SELECT number FROM event_names)) AND timestamp >= r.counts_from
        AND sequence < r.position AND live
    OFFSET 0
) AS e
WHERE r.counts_to IS NULL AND r.position > (SELECT settled FROM journal)
GROUP BY e.user_number

-- plan_for_these_values --
-- For one transaction whose statements are best done in other ways for other values.
SET LOCAL plan_cache_mode = force_custom_plan

-- users_with_events --
-- $1 names, $2 since (null: ever), $3 traits, $4 the last number before, $5 how many. Users who did any of that since, or
-- ever wrote one of the traits, in order of number.
SELECT number FROM users
WHERE number > $4::bigint AND (
    EXISTS (
        SELECT FROM events
        WHERE user_number = users.number AND timestamp >= coalesce($2::timestamptz, '-infinity')
            AND name = ANY ((SELECT array_agg(n.number) FROM event_names AS n WHERE n.name = ANY ($1::text[]))::integer[])
    )
    OR EXISTS (SELECT FROM trait_writes WHERE user_number = users.number AND traits ?| $3::text[])
)
ORDER BY number LIMIT $5


-- Segments ------------------------------------------------------------------------------------------------------------

-- list_segments --
SELECT number, name, definition::text, version, status, created_at, changed_at FROM segments ORDER BY number

-- find_segment --
-- $1 the name of a segment, or its number as text; where both exist, the name is meant.
SELECT number, name, definition::text, version, status, created_at, changed_at FROM segments
WHERE name = $1 OR number::text = $1 ORDER BY name = $1 DESC LIMIT 1

-- segment_runs --
-- $1 since (null: ever). Those that go on or are not armed, and those that ended then or later, or for which something
-- that came due may still wait; in the order in which they began.
SELECT r.segment, r.version, s.name, r.definition::text, r.sees_from, r.counts_from, r.counts_to, r.armed
FROM segment_runs AS r JOIN segments AS s ON s.number = r.segment
WHERE r.counts_to IS NULL OR NOT r.armed
    OR r.counts_to >= least(coalesce($1::timestamptz, '-infinity'), (SELECT min(due) FROM timers))
ORDER BY r.segment, r.position

-- add_segment --
-- $1 name, $2 kind, $3 definition, $4 now. Its number.
INSERT INTO segments (name, kind, definition, created_at, changed_at) VALUES ($1, $2, $3::text::jsonb, $4, $4)
RETURNING number

-- change_segment --
-- $1 number, $2 name, $3 definition, $4 version, $5 status, $6 now.
UPDATE segments SET name = $2, definition = $3::text::jsonb, version = $4, status = $5, changed_at = $6
WHERE number = $1

-- rewrite_segment --
-- $1 number, $2 a definition that means the same.
UPDATE segments SET definition = $2::text::jsonb WHERE number = $1

-- begin_run --
-- $1 segment, $2 position, $3 version, $4 definition, $5 sees_from, $6 counts_from, $7 armed. No earlier run counts from
-- then on, whatever a clock said that was set back.
WITH earlier AS (
    UPDATE segment_runs SET counts_to = greatest($6, counts_from) WHERE segment = $1 AND counts_to > $6
)
INSERT INTO segment_runs (segment, position, version, definition, sees_from, counts_from, armed)
VALUES ($1, $2, $3, $4::text::jsonb, $5, $6, $7)

-- end_run --
-- $1 segment, $2 now. From when on its trigger saw events, and whether it was armed. A clock may have been set back: what
-- ended later than now ends now, too.
WITH earlier AS (
    UPDATE segment_runs SET counts_to = greatest($2, counts_from) WHERE segment = $1 AND counts_to > $2
)
UPDATE segment_runs SET counts_to = greatest($2, counts_from) WHERE segment = $1 AND counts_to IS NULL
RETURNING sees_from, armed

-- arm_runs --
-- $1 segments, $2 the position up to which they were armed: the runs that there were then.
UPDATE segment_runs SET armed = true WHERE segment = ANY ($1::integer[]) AND position <= $2 AND NOT armed

-- drop_segment_timers --
-- $1 segment, $2 now. What was due before is still to be told.
DELETE FROM timers WHERE segment = $1 AND due >= $2

-- delete_segment --
-- $1 number. Everything of it.
WITH gone AS (DELETE FROM segment_runs WHERE segment = $1),
    waiting AS (DELETE FROM timers WHERE segment = $1),
    qualified AS (DELETE FROM qualifications WHERE segment = $1),
    told AS (DELETE FROM log WHERE segment = $1),
    counted AS (DELETE FROM qualified_per_day WHERE segment = $1),
    counted_then AS (DELETE FROM snapshots WHERE segment = $1),
    asked AS (DELETE FROM evaluations WHERE segment = $1),
    sent AS (DELETE FROM webhooks WHERE segment = $1)
DELETE FROM segments WHERE number = $1


-- settled --
-- The position of the journal up to which all that follows is on record.
SELECT settled FROM journal


-- sizes --
-- How many users there are, counted where they are few, and how many messages came; other entries of the journal are
-- too few to tell.
SELECT
    CASE WHEN about < 100000 THEN (SELECT count(*) FROM users) ELSE about END::bigint AS users,
    position AS messages
FROM journal CROSS JOIN (SELECT reltuples AS about FROM pg_class WHERE oid = 'users'::regclass) AS estimated
