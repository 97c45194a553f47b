-- The statements of the store, and the pieces that conditions are put together from.
--
-- Each begins with a line that holds its name alone. `:value` is a parameter; `{piece}` takes another piece, never a
-- value. Instants are timestamptz; from :start to :until includes both ends.


-- Conditions: each is the set of users for whom it holds, one `number` a row. ----------------------------------------

-- known --
-- Users with at least one message stamped at or before :as_of.
SELECT number FROM users WHERE first_seen <= :as_of::timestamptz

-- both --
({left}) INTERSECT ({right})

-- either --
({left}) UNION ({right})

-- without --
({left}) EXCEPT ({right})

-- did --
-- Users with {enough} events named :event from :start to :until on which {such}.
SELECT e.user_number AS number FROM events AS e
WHERE e.name = (SELECT number FROM event_names WHERE name = :event::text)
    AND e.timestamp >= :start::timestamptz AND e.timestamp <= :until::timestamptz AND {such}
GROUP BY e.user_number HAVING {enough}

-- measured --
-- Users of whose events named :event from :start to :until, on which {such}, the {values} measure {enough}.
SELECT e.user_number AS number FROM events AS e CROSS JOIN LATERAL ({values}) AS v
WHERE e.name = (SELECT number FROM event_names WHERE name = :event::text)
    AND e.timestamp >= :start::timestamptz AND e.timestamp <= :until::timestamptz AND {such}
GROUP BY e.user_number HAVING {enough}

-- first_did --
-- Users whose very first event named :event on which {such} lies from :start to :until.
SELECT e.user_number AS number FROM events AS e
WHERE e.name = (SELECT number FROM event_names WHERE name = :event::text)
    AND e.timestamp <= :until::timestamptz AND {such}
GROUP BY e.user_number HAVING min(e.timestamp) >= :start::timestamptz

-- last_did --
-- Users whose last event up to :as_of named :event on which {such} lies from :start to :until.
SELECT e.user_number AS number FROM events AS e
WHERE e.name = (SELECT number FROM event_names WHERE name = :event::text)
    AND e.timestamp >= :start::timestamptz AND e.timestamp <= :as_of::timestamptz AND {such}
GROUP BY e.user_number HAVING max(e.timestamp) <= :until::timestamptz

-- trait --
-- Users whose trait :trait, as it stood at :as_of, is one on which {such}. Last written is what holds.
SELECT w.number FROM (
    SELECT DISTINCT ON (user_number) user_number AS number, traits -> :trait::text AS value
    FROM trait_writes WHERE timestamp <= :as_of::timestamptz AND traits ? :trait::text
    ORDER BY user_number, timestamp DESC, sequence DESC
) AS w WHERE {such}

-- first_seen --
SELECT number FROM users WHERE first_seen <= :as_of::timestamptz AND first_seen {operator} :bound::timestamptz

-- seen --
-- Users with a message of any kind up to :as_of that lies so to :bound.
SELECT user_number AS number FROM events
WHERE timestamp <= :as_of::timestamptz AND timestamp {operator} :bound::timestamptz GROUP BY user_number

-- qualified --
-- Users who qualified for a live segment from :start to :until and were not retracted.
SELECT user_number AS number FROM qualifications
WHERE segment = :segment::integer AND at >= :start::timestamptz AND at <= :until::timestamptz AND NOT retracted


-- Tests: whether a jsonb {value} passes; NULL is no. What is not of the right type fails, it never raises. -----------

-- exists --
{value} <> 'null'::jsonb

-- all_tests --
({left}) AND ({right})

-- any_test --
({left}) OR ({right})

-- no_test --
true

-- one_of_texts --
jsonb_typeof({value}) = 'string' AND {value} #>> '{}' = ANY (:wanted::text[])

-- not_true --
({test}) IS NOT TRUE

-- any_element --
EXISTS (SELECT FROM {elements} WHERE {test})

-- is_there --
-- Whether a trait holds something one could send to.
{value} <> ALL (ARRAY['null', 'false', '""', '[]', '{}']::jsonb[])

-- eq --
{value} = :wanted::text::jsonb

-- in --
{value} = ANY (:wanted::text[]::jsonb[])

-- number_ordered --
jsonb_typeof({value}) = 'number' AND {value} {operator} :wanted::text::jsonb

-- text_ordered --
-- COLLATE "C" is order of code points.
jsonb_typeof({value}) = 'string' AND ({value} #>> '{}') COLLATE "C" {operator} :wanted::text

-- text_contains --
jsonb_typeof({value}) = 'string' AND strpos(({value} #>> '{}') COLLATE "C", :wanted::text) > 0

-- list_contains --
EXISTS (
    SELECT FROM jsonb_array_elements(CASE jsonb_typeof({value}) WHEN 'array' THEN {value} END) AS element (value)
    WHERE element.value = :wanted::text::jsonb
)

-- starts_with --
jsonb_typeof({value}) = 'string' AND starts_with({value} #>> '{}', :wanted::text)

-- ends_with --
jsonb_typeof({value}) = 'string' AND right({value} #>> '{}', length(:wanted::text)) = :wanted::text


-- Values: where a property path leads. `jsonb -> text` descends into objects alone. ----------------------------------

-- properties --
e.properties

-- written_trait --
w.value

-- member --
({value} -> :name::text)

-- elements --
-- The elements of a list; of anything else none.
jsonb_array_elements(CASE jsonb_typeof({value}) WHEN 'array' THEN {value} END) AS {alias} (value)

-- element --
{alias}.value

-- more_elements --
{left}, {right}

-- values --
SELECT {value} AS value

-- values_of_elements --
SELECT {value} AS value FROM {elements}

-- texts_of_events --
-- Every text among the {values} of events named :event from :start to :until, once.
SELECT DISTINCT v.value #>> '{}' AS text FROM events AS e CROSS JOIN LATERAL ({values}) AS v
WHERE e.name = (SELECT number FROM event_names WHERE name = :event::text)
    AND e.timestamp >= :start::timestamptz AND e.timestamp <= :until::timestamptz
    AND jsonb_typeof(v.value) = 'string'

-- texts_of_trait --
-- Every text among the {values} that were ever written to :trait up to :as_of, once.
SELECT DISTINCT v.value #>> '{}' AS text
FROM (SELECT traits -> :trait::text AS value FROM trait_writes WHERE timestamp <= :as_of::timestamptz) AS w
CROSS JOIN LATERAL ({values}) AS v WHERE jsonb_typeof(v.value) = 'string'


-- Numbers to compare: how many events, or a measure of their values `v.value`, NULL (which is no) over no values. ------

-- how_many --
count(*)

-- sum --
sum(CASE jsonb_typeof(v.value) WHEN 'number' THEN v.value::numeric END)

-- min --
min(CASE jsonb_typeof(v.value) WHEN 'number' THEN v.value::numeric END)

-- max --
max(CASE jsonb_typeof(v.value) WHEN 'number' THEN v.value::numeric END)

-- distinct --
nullif(count(DISTINCT nullif(v.value, 'null'::jsonb)), 0)

-- compared --
{number} {operator} :wanted::text::numeric

-- average_compared --
-- The sum against :wanted times the count, since dividing would round.
{number} {operator} :wanted::text::numeric * count(*) FILTER (WHERE jsonb_typeof(v.value) = 'number')


-- Answers -----------------------------------------------------------------------------------------------------------

-- members --
-- The ids of these {users} as people know them, by code point. One id a row.
SELECT id FROM users WHERE number IN ({users}) ORDER BY id


-- Users -------------------------------------------------------------------------------------------------------------

-- look_up_ids --
-- $1 whether anonymous, $2 ids, side by side. One row for each that is known.
SELECT anonymous, id, user_number, joined FROM user_ids
WHERE (anonymous, id) IN (SELECT * FROM unnest($1::boolean[], $2::text[]))

-- write_ids --
-- $1 whether anonymous, $2 ids, $3 numbers of users, $4 whether joined.
INSERT INTO user_ids (anonymous, id, user_number, joined)
SELECT * FROM unnest($1::boolean[], $2::text[], $3::bigint[], $4::boolean[])
ON CONFLICT (anonymous, id) DO UPDATE SET user_number = excluded.user_number, joined = excluded.joined

-- create_users --
-- $1 numbers, $2 ids, $3 whether anonymous, $4 first_seen, $5 last_seen.
INSERT INTO users (number, id, anonymous, first_seen, last_seen)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::timestamptz[], $5::timestamptz[])

-- rename_users --
-- Those who were anonymous, or went by a former userId. $1 numbers, $2 userIds.
UPDATE users SET id = renamed.id, anonymous = false
FROM unnest($1::bigint[], $2::text[]) AS renamed (number, id) WHERE users.number = renamed.number

-- see_users --
-- $1 numbers, $2 earliest and $3 latest timestamps of new messages. last_seen may stay ten minutes behind: a user's row is
-- not to be written anew for each of their messages.
UPDATE users SET first_seen = least(first_seen, earliest), last_seen = greatest(last_seen, latest)
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS seen (number, earliest, latest)
WHERE users.number = seen.number AND (earliest < first_seen OR latest > last_seen + interval '10 minutes')

-- write_joins --
-- Before anything is moved. $1 whose the history is from now on, $2 numbers of those whose it was, $3 whether they were
-- anonymous, $4 their ids, null for those who go by what `users` says, $5 instants and $6 sequence numbers of the
-- messages that joined or renamed them, $7 whose their history became by that.
INSERT INTO joins (user_number, old_number, old_anonymous, old_id, at, sequence, into_number)
SELECT survivor, old, coalesce(was_anonymous, anonymous), coalesce(was_id, id), at, sequence, into_number
FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::text[], $5::timestamptz[], $6::bigint[], $7::bigint[])
    AS moved (survivor, old, was_anonymous, was_id, at, sequence, into_number)
LEFT JOIN users ON number = old

-- join_events --
-- This and the next eight: $1 numbers of users, $2 whose they are from now on.
UPDATE events SET user_number = survivor, origin = coalesce(origin, old)
FROM unnest($1::bigint[], $2::bigint[]) AS joined (old, survivor) WHERE user_number = old

-- join_trait_writes --
UPDATE trait_writes SET user_number = survivor FROM unnest($1::bigint[], $2::bigint[]) AS joined (old, survivor)
WHERE user_number = old

-- join_qualifications --
UPDATE qualifications SET user_number = survivor FROM unnest($1::bigint[], $2::bigint[]) AS joined (old, survivor)
WHERE user_number = old

-- join_timers --
UPDATE timers SET user_number = survivor FROM unnest($1::bigint[], $2::bigint[]) AS joined (old, survivor)
WHERE user_number = old

-- join_log --
UPDATE log SET user_number = survivor FROM unnest($1::bigint[], $2::bigint[]) AS joined (old, survivor)
WHERE user_number = old

-- join_joins --
UPDATE joins SET user_number = survivor FROM unnest($1::bigint[], $2::bigint[]) AS joined (old, survivor)
WHERE user_number = old

-- join_ids --
UPDATE user_ids SET user_number = survivor FROM unnest($1::bigint[], $2::bigint[]) AS joining (old, survivor)
WHERE user_number = old

-- join_users --
UPDATE users SET first_seen = least(users.first_seen, gone.first), last_seen = greatest(users.last_seen, gone.last)
FROM (
    SELECT survivor, min(first_seen) AS first, max(last_seen) AS last
    FROM unnest($1::bigint[], $2::bigint[]) AS joined (old, survivor) JOIN users ON number = old GROUP BY survivor
) AS gone WHERE users.number = gone.survivor

-- drop_joined_users --
DELETE FROM users USING unnest($1::bigint[], $2::bigint[]) AS joined (old, survivor) WHERE number = old


-- Writing -----------------------------------------------------------------------------------------------------------

-- take_writers_lock --
-- $1 the lock. Whether we have it now; it is the connection's until that ends or gives it back.
SELECT pg_try_advisory_lock($1)

-- return_writers_lock --
SELECT pg_advisory_unlock($1)

-- end_of_journal --
-- One row: the sequence number of the last message or other entry, how often effects were written, the position of the
-- last entry of the log, and the mark of who wrote last.
SELECT position, effects, log_position, mark FROM journal

-- advance --
-- $1 and $2 from, $3 to $6 to: as `end_of_journal`. Changes nothing where somebody else has moved it.
UPDATE journal SET position = $3, effects = $4, log_position = $5, mark = $6 WHERE position = $1 AND effects = $2

-- analyze --
-- After much was written: Postgres does not do it for partitioned tables by itself.
ANALYZE events (user_number, timestamp, name), users, user_ids, trait_writes

-- make_months --
-- $1 instants. There is a partition for each of them afterwards.
SELECT make_months($1::timestamptz[])

-- event_names --
-- $1 names. Name and number of each that ever happened.
SELECT name, number FROM event_names WHERE name = ANY ($1::text[])

-- add_event_names --
-- $1 new names.
INSERT INTO event_names (name) SELECT unnest($1::text[]) RETURNING name, number

-- stored_ids --
-- $1 numbers of names, $2 timestamps, side by side, each pair once. The ids of all messages stored with one of them.
SELECT e.message_id FROM unnest($1::integer[], $2::timestamptz[]) AS moment (name, timestamp)
JOIN events AS e ON e.name = moment.name AND e.timestamp = moment.timestamp


-- Taking events in --------------------------------------------------------------------------------------------------

-- look_up_by_key --
-- For the journal's connection, which asks for nothing but rows by their keys: a plan made while a table was small must
-- not read all of it once it is large. What looks costly for that is not worth compiling. And a server that hears no
-- more of us is to give the lock back within a minute.
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3

-- look_up_as_ever --
RESET ALL

-- turn_seen --
-- $1 a day of running. There is a place for what comes then, and none for what came before the day before.
SELECT turn_seen($1)

-- seen_hashes --
-- $1 hashes of message ids. Those that came lately.
SELECT message_hash FROM seen WHERE message_hash = ANY ($1::bytea[])

-- write_key --
SELECT key FROM write_keys ORDER BY key LIMIT 1

-- keep_write_key --
-- $1 a new one.
INSERT INTO write_keys (key) VALUES ($1)


-- Segments that conditions name ---------------------------------------------------------------------------------------

-- named_segment --
-- $1 the name of a segment, or its number as text; where both exist, the name is meant.
SELECT number, name, definition::text FROM segments WHERE name = $1 OR number::text = $1
ORDER BY name = $1 DESC LIMIT 1
