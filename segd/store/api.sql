-- What the API asks: reports, members, users, and what events look like.


-- Reports -------------------------------------------------------------------------------------------------------------

-- qualified_days --
-- $1 segment, $2 since which day.
SELECT day, qualified, retracted FROM qualified_per_day WHERE segment = $1 AND day >= $2 ORDER BY day

-- qualified_lately --
-- $1 segment, $2 an hour ago, $3 a day ago, $4 now.
SELECT count(*) FILTER (WHERE at > $2) AS last_hour, count(*) AS last_day FROM qualifications
WHERE segment = $1 AND at > $3 AND at <= $4 AND NOT retracted

-- qualified_in_all --
-- $1 segment. Users with a qualification that stands, and how many were retracted.
SELECT count(*) FILTER (WHERE standing > 0) AS members, coalesce(sum(retracted), 0)::bigint AS retracted
FROM (
    SELECT count(*) FILTER (WHERE NOT retracted) AS standing, count(*) FILTER (WHERE retracted) AS retracted
    FROM qualifications WHERE segment = $1 GROUP BY user_number
) AS users_of_segment

-- open_now --
-- $1 segment, $2 now. Users with a timer that is to come, and the first one's instant. What is due already is decided, and
-- held for stragglers.
SELECT count(DISTINCT user_number) AS users, min(due) AS next_due FROM timers WHERE segment = $1 AND due > $2

-- counting_since --
-- $1 segment. From when its latest version counts, and from when it sees events (null: ever); nothing while it is paused.
SELECT counts_from, sees_from FROM segment_runs WHERE segment = $1 AND counts_to IS NULL

-- share --
-- How many of these {users} there are, and how many of them {qualified}; as though nothing had been imported since
-- :counts_from, of which nothing live begins. No join: what those are is beyond the planner, who would go through all of
-- one for each of the other.
WITH events AS NOT MATERIALIZED (SELECT * FROM events WHERE NOT imported OR received_at < :counts_from::timestamptz)
SELECT count(*) FILTER (WHERE began) AS began, count(*) FILTER (WHERE began AND qualified) AS qualified
FROM (
    SELECT number, bool_or(began) AS began, bool_or(NOT began) AS qualified
    FROM (
        SELECT number, true AS began FROM ({users}) AS users UNION ALL SELECT number, false FROM ({qualified}) AS those
    ) AS told
    GROUP BY number
) AS people

-- reached --
-- How many of these {users} there are, how many any of the :channels reaches by one of the :addresses beside it, and how
-- many each, as things stood at :as_of; with the first :most of them by number, which is by chance. One `what` a row.
WITH members AS MATERIALIZED (SELECT DISTINCT number FROM ({users}) AS asked),
channels AS (SELECT * FROM unnest(:channels::text[], :addresses::text[]) AS one (channel, address)),
traits AS MATERIALIZED (
    SELECT DISTINCT ON (w.user_number, written.key) w.user_number, written.key AS trait, written.value
    FROM members JOIN trait_writes AS w ON w.user_number = members.number
    CROSS JOIN LATERAL jsonb_each(w.traits) AS written
    WHERE w.timestamp <= :as_of::timestamptz AND w.traits ?| (:addresses::text[] || ARRAY['subscriptions'])
        AND (written.key = 'subscriptions' OR written.key = ANY (:addresses::text[]))
    ORDER BY w.user_number, written.key, w.timestamp DESC, w.sequence DESC
),
reachable AS (
    SELECT user_number, channel FROM traits JOIN channels ON address = trait WHERE {there}
    EXCEPT
    SELECT user_number, channel FROM traits CROSS JOIN channels
    WHERE trait = 'subscriptions' AND value -> channel = 'false'
)
SELECT 'members' AS what, NULL AS channel, count(*) AS number FROM members
UNION ALL SELECT 'reached', NULL, count(DISTINCT user_number) FROM reachable
UNION ALL SELECT 'channel', channel, count(*) FROM reachable GROUP BY channel
UNION ALL SELECT 'sample', NULL, number FROM (SELECT number FROM members ORDER BY number LIMIT :most) AS sampled

-- written_value --
value

-- counted --
-- How many of these {users} there are; with the first :most of them, as `reached`.
WITH members AS MATERIALIZED (SELECT DISTINCT number FROM ({users}) AS asked)
SELECT 'members' AS what, NULL AS channel, count(*) AS number FROM members
UNION ALL SELECT 'sample', NULL, number FROM (SELECT number FROM members ORDER BY number LIMIT :most) AS sampled

-- persons --
-- $1 numbers. In no order.
SELECT number, id, anonymous, last_seen FROM users WHERE number = ANY ($1::bigint[])


-- Snapshots -----------------------------------------------------------------------------------------------------------

-- snapshots_since --
-- $1 an instant. Of all segments.
SELECT segment, as_of, members, taken_at FROM snapshots WHERE as_of >= $1

-- keep_snapshot --
-- $1 segment, $2 as of, $3 members, $4 numbers of some, $5 when it was taken.
INSERT INTO snapshots (segment, as_of, members, sample, taken_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (segment, as_of)
DO UPDATE SET members = excluded.members, sample = excluded.sample, taken_at = excluded.taken_at

-- drop_outdated_snapshots --
-- $1 all past segments, side by side with $2 when each was changed. What was counted earlier, or of others that are gone.
DELETE FROM snapshots AS s WHERE NOT EXISTS (
    SELECT FROM unnest($1::integer[], $2::timestamptz[]) AS stands (segment, changed_at)
    WHERE stands.segment = s.segment AND stands.changed_at <= s.taken_at
)

-- drop_outdated_evaluations --
-- $1 all past segments.
DELETE FROM evaluations WHERE segment <> ALL ($1::integer[])

-- outdate_snapshots --
-- After history was imported: what was counted may be another number now.
DELETE FROM snapshots

-- evaluations --
SELECT segment, as_of, problem FROM evaluations

-- keep_evaluation --
-- $1 segment, $2 as of, $3 milliseconds, $4 members or $5 the problem.
INSERT INTO evaluations (segment, as_of, milliseconds, members, problem) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (segment) DO UPDATE SET as_of = excluded.as_of, milliseconds = excluded.milliseconds,
    members = excluded.members, problem = excluded.problem
WHERE evaluations.as_of < excluded.as_of

-- one_core --
-- For one transaction that is to leave the others their room.
SET LOCAL max_parallel_workers_per_gather = 0


-- Members -------------------------------------------------------------------------------------------------------------

-- qualified_members --
-- $1 segment, $2 most, $3 to be passed over. Each user with a qualification that stands, by the latest, the latest first.
SELECT users.number, users.id, users.anonymous, users.last_seen, q.at, q.cause_id
FROM qualifications AS q JOIN users ON users.number = q.user_number
WHERE q.segment = $1 AND NOT q.retracted AND NOT EXISTS (
    SELECT FROM qualifications AS later
    WHERE later.segment = q.segment AND later.user_number = q.user_number AND NOT later.retracted
        AND (later.at, later.cause) > (q.at, q.cause)
)
ORDER BY q.at DESC, q.cause DESC LIMIT $2 OFFSET $3

-- count_qualified_members --
-- $1 segment.
SELECT count(*) FROM (SELECT FROM qualifications WHERE segment = $1 AND NOT retracted GROUP BY user_number) AS members

-- people --
-- All of these {users}, by id, by code point.
SELECT number, id, anonymous, last_seen FROM users WHERE number IN ({users}) ORDER BY id, anonymous

-- page_of_people --
-- Some of these {users}, by id, by code point: :most after :skip of them, each with how many there are in all.
SELECT number, id, anonymous, last_seen, count(*) OVER () AS total FROM users WHERE number IN ({users})
ORDER BY id, anonymous LIMIT :most OFFSET :skip

-- count_people --
SELECT count(*) FROM users WHERE number IN ({users})


-- Users ---------------------------------------------------------------------------------------------------------------

-- users_by_id --
-- $1 an id, of either kind. The limit is of all there can be, which the planner does not know.
SELECT users.number, users.id, users.anonymous, users.last_seen
FROM (SELECT user_number, anonymous FROM user_ids WHERE id = $1 ORDER BY anonymous LIMIT 2) AS known
JOIN users ON users.number = user_number ORDER BY known.anonymous

-- users_by_beginning --
-- $1 the beginning of an id, $2 the same with the last of all characters added, $3 most. A user for each such id.
SELECT users.number, users.id, users.anonymous, users.last_seen
FROM (
    SELECT user_number, id, anonymous FROM user_ids
    WHERE anonymous = false AND id >= $1 AND id <= $2 ORDER BY id LIMIT $3
) AS known JOIN users ON users.number = user_number
UNION ALL
SELECT users.number, users.id, users.anonymous, users.last_seen
FROM (
    SELECT user_number, id, anonymous FROM user_ids
    WHERE anonymous AND id >= $1 AND id <= $2 ORDER BY id LIMIT $3
) AS known JOIN users ON users.number = user_number

-- users_by_email --
-- $1 the beginning of an e-mail in small letters, $2 the same with the last of all characters added, $3 most. Users who
-- ever had such a one, and what it is now, by e-mail.
SELECT users.number, users.id, users.anonymous, users.last_seen, lower(stands.email) AS email
FROM (
    SELECT DISTINCT user_number FROM (
        SELECT user_number FROM trait_writes
        WHERE traits ? 'email' AND left(lower(traits ->> 'email'), 200) COLLATE "C" >= $1
            AND left(lower(traits ->> 'email'), 200) COLLATE "C" <= $2
        ORDER BY left(lower(traits ->> 'email'), 200) COLLATE "C" LIMIT $3
    ) AS written
) AS found
JOIN users ON users.number = found.user_number
CROSS JOIN LATERAL (
    SELECT traits ->> 'email' AS email FROM trait_writes AS w WHERE w.user_number = found.user_number AND traits ? 'email'
    ORDER BY timestamp DESC, sequence DESC LIMIT 1
) AS stands
WHERE starts_with(lower(stands.email), $1) ORDER BY lower(stands.email) COLLATE "C", users.id

-- user_of_id --
-- $1 an id, $2 whether it is an anonymousId. No join: without statistics of ids the planner expects many such, and would
-- go through all users for them.
SELECT number, id, anonymous, first_seen, last_seen FROM users
WHERE number = (SELECT user_number FROM user_ids WHERE anonymous = $2 AND id = $1)

-- ids_of_user --
-- $1 the number.
SELECT id, anonymous FROM user_ids WHERE user_number = $1 ORDER BY anonymous, id

-- latest_event --
-- $1 the number.
SELECT max(timestamp) FROM events WHERE user_number = $1

-- traits_of_user --
-- $1 the number. As they stand, deleted ones too.
SELECT DISTINCT ON (written.key) written.key AS trait, written.value::text
FROM trait_writes CROSS JOIN LATERAL jsonb_each(traits) AS written
WHERE user_number = $1 ORDER BY written.key, timestamp DESC, sequence DESC

-- qualified_of_user --
-- $1 the number. Live segments with a qualification that stands, and the latest of these, the latest first.
SELECT segments.number, segments.name, max(at) AS at
FROM qualifications JOIN segments ON segments.number = segment
WHERE user_number = $1 AND NOT retracted GROUP BY segments.number, segments.name ORDER BY max(at) DESC, segments.name

-- qualified_last --
-- $1 the number of a user, $2 a segment.
SELECT max(at) FROM qualifications WHERE user_number = $1 AND segment = $2 AND NOT retracted

-- timeline --
-- $1 the number, $2 timestamp and $3 sequence of the last entry before, $4 most. The latest first.
SELECT e.timestamp, e.sequence, n.name, e.message_id,
    coalesce(CASE WHEN n.name = '$identify' THEN w.traits END, e.properties)::text AS content
FROM (
    SELECT timestamp, sequence, name, message_id, properties FROM events
    WHERE user_number = $1 AND timestamp <= $2 AND (timestamp, sequence) < ($2, $3)
    ORDER BY timestamp DESC, sequence DESC LIMIT $4
) AS e
JOIN event_names AS n ON n.number = e.name
LEFT JOIN trait_writes AS w ON w.user_number = $1 AND w.timestamp = e.timestamp AND w.sequence = e.sequence
ORDER BY e.timestamp DESC, e.sequence DESC

-- caused --
-- $1 the number of a user, $2 sequence numbers of events, $3 now. What each led to or waits for, in order.
SELECT f.cause, f.segment, segments.name, f.kind, f.at
FROM (
    SELECT cause, segment, CASE WHEN retracted THEN 'retracted' ELSE 'qualified' END AS kind, at
    FROM qualifications WHERE user_number = $1 AND cause = ANY ($2::bigint[])
    UNION ALL SELECT cause, segment, 'waiting', due
    FROM timers WHERE user_number = $1 AND cause = ANY ($2::bigint[]) AND due > $3
) AS f JOIN segments ON segments.number = f.segment
ORDER BY f.at, segments.name


-- Forgetting and telling ----------------------------------------------------------------------------------------------

-- numbers_of_user --
-- $1 the number. The numbers that ever were this user's.
SELECT $1::bigint UNION SELECT old_number FROM joins WHERE user_number = $1
UNION SELECT origin FROM events WHERE user_number = $1 AND origin IS NOT NULL

-- forget_qualified_days --
-- $1 days, side by side with $2 segments, $3 qualifications that stood, $4 those retracted.
UPDATE qualified_per_day AS d SET qualified = d.qualified - gone.qualified, retracted = d.retracted - gone.retracted
FROM unnest($1::date[], $2::integer[], $3::bigint[], $4::bigint[]) AS gone (day, segment, qualified, retracted)
WHERE d.day = gone.day AND d.segment = gone.segment

-- qualifications_of_user --
-- $1 numbers. All there ever were.
SELECT segment, version, id, anonymous, cause, cause_id, at, retracted FROM qualifications
WHERE user_number = ANY ($1::bigint[]) ORDER BY at, segment, cause

-- refuse_ids --
-- $1 whether anonymous, $2 hashes, side by side, $3 until when.
INSERT INTO refused_ids (anonymous, id_hash, until)
SELECT one.anonymous, one.hash, $3 FROM unnest($1::boolean[], $2::bytea[]) AS one (anonymous, hash)
ON CONFLICT (anonymous, id_hash) DO UPDATE SET until = greatest(refused_ids.until, excluded.until)

-- refused_ids --
-- $1 now. Those that are refused still.
SELECT anonymous, id_hash, until FROM refused_ids WHERE until > $1

-- accept_ids_again --
-- $1 now.
DELETE FROM refused_ids WHERE until <= $1

-- forget_events --
-- This and the others of forgetting: $1 the numbers that are the user's.
DELETE FROM events WHERE user_number = ANY ($1::bigint[])

-- forget_trait_writes --
DELETE FROM trait_writes WHERE user_number = ANY ($1::bigint[])

-- forget_qualifications --
DELETE FROM qualifications WHERE user_number = ANY ($1::bigint[])

-- forget_timers --
DELETE FROM timers WHERE user_number = ANY ($1::bigint[])

-- forget_joins --
DELETE FROM joins WHERE user_number = ANY ($1::bigint[])

-- forget_log --
DELETE FROM log WHERE user_number = ANY ($1::bigint[])

-- forget_samples --
UPDATE snapshots SET sample = ARRAY(SELECT number FROM unnest(sample) AS number WHERE number <> ALL ($1::bigint[]))
WHERE sample && $1::bigint[]

-- forget_user_ids --
DELETE FROM user_ids WHERE user_number = ANY ($1::bigint[])

-- forget_users --
DELETE FROM users WHERE number = ANY ($1::bigint[])

-- events_to_export --
-- This and the others of exports: $1 the number of a user, $2 how instants are written. One JSON object a row.
SELECT json_build_object(
    'name', n.name, 'timestamp', to_char(e.timestamp, $2), 'receivedAt', to_char(e.received_at, $2),
    'messageId', e.message_id, 'claimedTimestamp', to_char(e.claimed, $2), 'imported', e.imported,
    'properties', e.properties, 'traits', w.traits
)::text
FROM events AS e JOIN event_names AS n ON n.number = e.name
LEFT JOIN trait_writes AS w ON w.user_number = $1 AND w.timestamp = e.timestamp AND w.sequence = e.sequence
WHERE e.user_number = $1 ORDER BY e.timestamp, e.sequence

-- qualifications_to_export --
SELECT json_build_object(
    'segment', s.name, 'segmentId', q.segment, 'version', q.version, 'id', q.id, 'anonymous', q.anonymous,
    'at', to_char(q.at, $2), 'cause', q.cause_id, 'retracted', q.retracted
)::text
FROM qualifications AS q LEFT JOIN segments AS s ON s.number = q.segment
WHERE q.user_number = $1 ORDER BY q.at, q.segment, q.cause

-- log_to_export --
SELECT json_build_object(
    'type', l.kind, 'segment', s.name, 'segmentId', l.segment, 'version', l.version, 'id', l.id,
    'anonymous', l.anonymous, 'at', to_char(l.at, $2), 'cause', l.cause_id, 'wasAt', to_char(l.was_at, $2),
    'wasCause', l.was_cause_id, 'writtenAt', to_char(l.written_at, $2)
)::text
FROM log AS l LEFT JOIN segments AS s ON s.number = l.segment WHERE l.user_number = $1 ORDER BY l.position

-- timers_to_export --
SELECT json_build_object(
    'segment', s.name, 'segmentId', t.segment, 'opened', to_char(t.opened, $2), 'due', to_char(t.due, $2)
)::text
FROM timers AS t LEFT JOIN segments AS s ON s.number = t.segment WHERE t.user_number = $1 ORDER BY t.due, t.segment

-- joins_to_export --
SELECT json_build_object('id', old_id, 'anonymous', old_anonymous, 'at', to_char(at, $2))::text
FROM joins WHERE user_number = $1 ORDER BY sequence

-- in_utc --
-- For one transaction that writes instants as text.
SET LOCAL timezone = 'UTC'


-- What events look like -----------------------------------------------------------------------------------------------

-- size_of_events --
-- In bytes, without indexes.
SELECT coalesce(sum(pg_relation_size(relid)), 0)::bigint FROM pg_partition_tree('events')

-- size_of_trait_writes --
SELECT pg_relation_size('trait_writes')

-- counts_of_events --
-- $1 how many of a hundred pages are read. By number of the name.
SELECT name, count(*) AS number FROM events TABLESAMPLE SYSTEM ($1::real) REPEATABLE (0) GROUP BY name

-- last_of_events --
-- All names, and when each came last.
SELECT n.number, n.name, (SELECT max(e.timestamp) FROM events AS e WHERE e.name = n.number) AS last_seen
FROM event_names AS n

-- number_of_event --
-- $1 a name.
SELECT number FROM event_names WHERE name = $1

-- latest_events --
-- $1 the number of a name, $2 most. The user and the properties of the latest.
SELECT user_number, properties::text FROM events WHERE name = $1 ORDER BY timestamp DESC LIMIT $2

-- some_trait_writes --
-- $1 how many of a hundred pages are read, $2 most.
SELECT user_number, traits::text FROM trait_writes TABLESAMPLE SYSTEM ($1::real) REPEATABLE (0) LIMIT $2

-- count_trait_writes --
-- $1 how many of a hundred pages are read.
SELECT count(*) FROM trait_writes TABLESAMPLE SYSTEM ($1::real) REPEATABLE (0)

-- users_with_traits --
-- About, where they wrote many: from the statistics, which say how many there are or, below zero, which part of all rows.
SELECT CASE
    WHEN writes > 100000
    THEN coalesce((
        SELECT CASE WHEN n_distinct < 0 THEN -n_distinct * writes ELSE n_distinct END FROM pg_stats
        WHERE schemaname = current_schema AND tablename = 'trait_writes' AND attname = 'user_number'
    )::bigint, 0)
    ELSE (SELECT count(DISTINCT user_number) FROM trait_writes)
END
FROM (SELECT reltuples AS writes FROM pg_class WHERE oid = 'trait_writes'::regclass) AS estimated
