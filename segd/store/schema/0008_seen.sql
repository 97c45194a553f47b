-- Which messages came lately, told by how long segd has run: a wall clock may be set ahead, and back.

-- ran: for how many seconds segd has written here, in all its lives, about a second behind.
ALTER TABLE journal ADD COLUMN ran double precision NOT NULL DEFAULT 0;

CREATE TEMPORARY TABLE seen_before ON COMMIT DROP AS SELECT DISTINCT message_hash FROM seen;
DROP TABLE seen;
DROP FUNCTION turn_seen(date);

-- A hash of the id of every message that came on this day of running, or the one before: what comes again is dropped.
CREATE TABLE seen (
    message_hash bytea NOT NULL,  -- 16 bytes
    day integer NOT NULL,  -- from 0
    PRIMARY KEY (message_hash, day)
) PARTITION BY LIST (day);

-- Makes the partition of `seen` for today where it is missing, and drops those from before yesterday.
CREATE FUNCTION turn_seen(today integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    partition text := 'seen_' || today;
BEGIN
    IF to_regclass(partition) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF seen FOR VALUES IN (%L)', partition, today);
    END IF;
    FOR partition IN
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'seen'::regclass AND relname <> ALL (ARRAY['seen_' || today, 'seen_' || today - 1])
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
    END LOOP;
END
$$;

SELECT turn_seen(0);
INSERT INTO seen SELECT message_hash, 0 FROM seen_before;
