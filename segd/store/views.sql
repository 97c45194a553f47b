-- What the API shows of segments, previews of definitions, and keys.


-- Segments ------------------------------------------------------------------------------------------------------------

-- names_of_segments --
SELECT number, name, created_at FROM segments

-- numbers_of_segments --
-- $1 numbers, $2 a day ago, $3 now. The one number of each: qualified since, or the members when they were counted last,
-- unless the segment was changed since; and when somebody qualified last.
SELECT s.number,
    CASE s.kind WHEN 'past' THEN e.members ELSE (
        SELECT count(*) FROM qualifications AS q
        WHERE q.segment = s.number AND q.at > $2 AND q.at <= $3 AND NOT q.retracted
    ) END AS value,
    (
        SELECT q.at FROM qualifications AS q
        WHERE q.segment = s.number AND q.at <= $3 AND NOT q.retracted ORDER BY q.at DESC LIMIT 1
    ) AS last_at,
    e.problem, e.as_of, e.milliseconds
FROM segments AS s LEFT JOIN evaluations AS e ON e.segment = s.number AND e.as_of >= s.changed_at
WHERE s.number = ANY ($1::integer[])

-- qualified_on_days --
-- $1 segments, $2 since which day.
SELECT segment, day, qualified FROM qualified_per_day WHERE segment = ANY ($1::integer[]) AND day >= $2

-- members_at --
-- $1 segments, $2 instants.
SELECT segment, as_of, members FROM snapshots WHERE segment = ANY ($1::integer[]) AND as_of = ANY ($2::timestamptz[])


-- Previews ------------------------------------------------------------------------------------------------------------

-- previewed --
-- How many of these {users} there are, how many were known at :as_of, and the first :most by number, which is by chance.
-- One `what` a row.
WITH members AS MATERIALIZED (SELECT DISTINCT number FROM ({users}) AS asked)
SELECT 'members' AS what, count(*) AS number FROM members
UNION ALL SELECT 'known', count(*) FROM users WHERE first_seen <= :as_of::timestamptz
UNION ALL SELECT 'sample', number FROM (SELECT number FROM members ORDER BY number LIMIT :most) AS sampled

-- of_some --
-- What is {asked}, of users with numbers up to :last alone, which are a fair sample: the tables are narrowed for all of it.
-- In no order.
WITH users AS NOT MATERIALIZED (SELECT * FROM users WHERE number <= :last),
events AS NOT MATERIALIZED (SELECT * FROM events WHERE user_number <= :last),
trait_writes AS NOT MATERIALIZED (SELECT * FROM trait_writes WHERE user_number <= :last),
qualifications AS NOT MATERIALIZED (SELECT * FROM qualifications WHERE user_number <= :last)
SELECT * FROM ({asked}) AS asked

-- about_so_many_users --
-- As the statistics have it; nothing where there are none yet.
SELECT CASE WHEN reltuples > 0 THEN reltuples END FROM pg_class WHERE oid = 'users'::regclass

-- patience --
-- $1 milliseconds that each statement of this transaction may take; 0 for any.
SELECT set_config('statement_timeout', $1, true)


-- Backtests -----------------------------------------------------------------------------------------------------------

-- history_of_some --
-- $1 the first and $2 the last number of the users, $3 names of events (null: all), $4 those whose properties are wanted,
-- $5 whether traits are, $6 until. In order.
SELECT e.user_number, e.timestamp, e.sequence, n.name, e.message_id,
    CASE WHEN n.name = ANY ($4::text[]) THEN e.properties::text END AS properties, w.traits::text
FROM events AS e
JOIN event_names AS n ON n.number = e.name
LEFT JOIN trait_writes AS w
    ON $5::boolean AND w.user_number = e.user_number AND w.timestamp = e.timestamp AND w.sequence = e.sequence
WHERE e.user_number BETWEEN $1 AND $2 AND e.timestamp <= $6
    AND ($3::text[] IS NULL OR n.name = ANY ($3::text[]) OR w.traits IS NOT NULL)
ORDER BY e.timestamp, e.sequence

-- names_of_users --
-- $1 numbers.
SELECT number, id, anonymous FROM users WHERE number = ANY ($1::bigint[])


-- Keys ----------------------------------------------------------------------------------------------------------------

-- list_tokens --
SELECT number, name, scope, created_at, last_used_at FROM tokens ORDER BY number

-- add_token --
-- $1 name, $2 scope, $3 hash, $4 now. Its number.
INSERT INTO tokens (name, scope, hash, created_at) VALUES ($1, $2, $3, $4) RETURNING number

-- revoke_token --
-- $1 the number. Nothing where there is none such.
DELETE FROM tokens WHERE number = $1 RETURNING number

-- is_guarded --
SELECT EXISTS (SELECT FROM tokens)

-- token_with --
-- $1 a hash.
SELECT number, scope, last_used_at FROM tokens WHERE hash = $1

-- use_token --
-- $1 the number, $2 now.
UPDATE tokens SET last_used_at = $2 WHERE number = $1

-- begin_session --
-- $1 hash, $2 scope, $3 the number of a token or null, $4 until, $5 now. Those that are over go.
WITH over AS (DELETE FROM sessions WHERE until <= $5)
INSERT INTO sessions (hash, scope, token, until) VALUES ($1, $2, $3, $4)

-- session_with --
-- $1 a hash, $2 now.
SELECT scope FROM sessions WHERE hash = $1 AND until > $2

-- standing --
-- $1 hashes, $2 now, $3 a minute ago. Those that are a token's, which is in use then, or of a session that is not over.
WITH used AS (
    UPDATE tokens SET last_used_at = $2
    WHERE hash = ANY ($1::bytea[]) AND (last_used_at IS NULL OR last_used_at < $3)
)
SELECT hash FROM tokens WHERE hash = ANY ($1::bytea[])
UNION ALL SELECT hash FROM sessions WHERE hash = ANY ($1::bytea[]) AND until > $2

-- end_session --
-- $1 a hash.
DELETE FROM sessions WHERE hash = $1
