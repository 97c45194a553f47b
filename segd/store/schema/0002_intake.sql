-- Taking events in while they happen: which messages came lately, and the key that clients send.

-- A hash of the id of every message that came today or yesterday: what comes again is dropped. A table of its own, for a
-- unique key on events would have to contain their timestamp, which a retry may change.
CREATE TABLE seen (
    message_hash bytea NOT NULL,  -- 16 bytes
    received_on date NOT NULL,  -- in UTC
    PRIMARY KEY (message_hash, received_on)
) PARTITION BY LIST (received_on);

-- Where the configuration names no write keys, the one that segd made. Kept here, for whoever has the events needs it.
CREATE TABLE write_keys (
    key text COLLATE "C" PRIMARY KEY
);

-- Makes the partition of `seen` for today where it is missing, and drops those from before yesterday.
CREATE FUNCTION turn_seen(today date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    partition text;
BEGIN
    partition := 'seen_' || to_char(today, 'YYYY_MM_DD');
    IF to_regclass(partition) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF seen FOR VALUES IN (%L)', partition, today);
    END IF;
    FOR partition IN
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'seen'::regclass AND relname COLLATE "C" < 'seen_' || to_char(today - 1, 'YYYY_MM_DD')
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
    END LOOP;
END
$$;
