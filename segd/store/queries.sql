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
WHERE e.name = :event::integer AND e.timestamp >= :start::timestamptz AND e.timestamp <= :until::timestamptz AND {such}
GROUP BY e.user_number HAVING {enough}

-- measured --
-- Users of whose events named :event from :start to :until, on which {such}, the {values} measure {enough}.
SELECT e.user_number AS number FROM events AS e CROSS JOIN LATERAL ({values}) AS v
WHERE e.name = :event::integer AND e.timestamp >= :start::timestamptz AND e.timestamp <= :until::timestamptz AND {such}
GROUP BY e.user_number HAVING {enough}

-- first_did --
-- Users whose very first event named :event on which {such} lies from :start to :until.
SELECT e.user_number AS number FROM events AS e
WHERE e.name = :event::integer AND e.timestamp <= :until::timestamptz AND {such}
GROUP BY e.user_number HAVING min(e.timestamp) >= :start::timestamptz

-- last_did --
-- Users whose last event up to :as_of named :event on which {such} lies from :start to :until.
SELECT e.user_number AS number FROM events AS e
WHERE e.name = :event::integer AND e.timestamp >= :start::timestamptz AND e.timestamp <= :as_of::timestamptz AND {such}
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

-- not_true --
({test}) IS NOT TRUE

-- any_element --
EXISTS (SELECT FROM {elements} WHERE {test})


-- both_tests --
({left}) AND ({right})

-- either_test --
({left}) OR ({right})


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
WHERE e.name = :event::integer AND e.timestamp >= :start::timestamptz AND e.timestamp <= :until::timestamptz
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
