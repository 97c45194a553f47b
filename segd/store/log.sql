-- Statements about the log of segments, and about the webhooks that it is posted to.


-- The log -------------------------------------------------------------------------------------------------------------

-- log_after --
-- $1 the number of a segment, $2 a position, $3 at most so many. Its entries after that position, in order of commit.
SELECT position, kind, segment, version, user_number, id, anonymous, at, cause, cause_id,
    was_version, was_id, was_anonymous, was_at, was_cause, was_cause_id
FROM log WHERE segment = $1 AND position > $2 ORDER BY position LIMIT $3

-- log_last --
-- $1 the number of a segment, $2 at most so many. Its last entries, the last one first.
SELECT position, kind, segment, version, user_number, id, anonymous, at, cause, cause_id,
    was_version, was_id, was_anonymous, was_at, was_cause, was_cause_id
FROM log WHERE segment = $1 ORDER BY position DESC LIMIT $2

-- log_position --
-- Of the last entry of all segments.
SELECT log_position FROM journal

-- causes --
-- $1 numbers of users, side by side with $2 the sequence numbers of events of theirs, $3 instants not before those. Of
-- each that is there its place in these rows, from 1 on, name, timestamp and properties.
SELECT asked.place, n.name, e.timestamp, e.properties::text
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) WITH ORDINALITY AS asked (user_number, sequence, until, place)
CROSS JOIN LATERAL (
    SELECT name, timestamp, properties FROM events
    WHERE user_number = asked.user_number AND timestamp <= asked.until AND sequence = asked.sequence
    ORDER BY timestamp DESC LIMIT 1
) AS e
JOIN event_names AS n ON n.number = e.name

-- single_traits --
-- $1 numbers of users. The traits as they stand of each that are one text, number or truth value, not a list or object.
SELECT user_number, trait, value::text
FROM (
    SELECT DISTINCT ON (w.user_number, written.key) w.user_number, written.key AS trait, written.value
    FROM trait_writes AS w CROSS JOIN LATERAL jsonb_each(w.traits) AS written
    WHERE w.user_number = ANY ($1::bigint[])
    ORDER BY w.user_number, written.key, w.timestamp DESC, w.sequence DESC
) AS last_written
WHERE jsonb_typeof(value) IN ('string', 'number', 'boolean')


-- Webhooks ------------------------------------------------------------------------------------------------------------

-- webhooks --
-- All, or the one of number $1 unless that is null, in order of number.
SELECT w.*, s.name AS segment_name FROM webhooks AS w JOIN segments AS s ON s.number = w.segment
WHERE $1::integer IS NULL OR w.number = $1 ORDER BY w.number

-- add_webhook --
-- $1 the number of a segment, $2 url, $3 secret, $4 the cursor to begin after, $5 now. Its number.
INSERT INTO webhooks (segment, url, secret, cursor, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING number

-- drop_webhook --
DELETE FROM webhooks WHERE number = $1

-- webhook_delivered --
-- $1 number, $2 the cursor before, $3 the cursor now, $4 now. Where it was set to another meanwhile, that one holds.
UPDATE webhooks SET cursor = CASE cursor WHEN $2 THEN $3 ELSE cursor END,
    delivered_at = $4, failing_since = NULL, reason = NULL
WHERE number = $1

-- webhook_failed --
-- $1 number, $2 reason, $3 now. Since when it fails.
UPDATE webhooks SET reason = $2, failing_since = coalesce(failing_since, $3) WHERE number = $1 RETURNING failing_since

-- switch_webhook_off --
-- $1 number, $2 reason.
UPDATE webhooks SET status = 'off', reason = $2 WHERE number = $1

-- rewind_webhook --
-- $1 number, $2 cursor. It runs from there.
UPDATE webhooks SET status = 'running', cursor = $2, reason = NULL, failing_since = NULL WHERE number = $1
