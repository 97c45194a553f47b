-- What Postgres keeps about a column, to plan by it, are values of some rows, be they of people who are forgotten since. So
-- it keeps nothing about those that tell who somebody is or what they did: no plan hangs on it. Their types stay as they
-- are; to say them again drops what was kept so far.
ALTER TABLE users
    ALTER COLUMN id TYPE text COLLATE "C", ALTER COLUMN id SET STATISTICS 0;
ALTER TABLE user_ids
    ALTER COLUMN id TYPE text COLLATE "C", ALTER COLUMN id SET STATISTICS 0;
ALTER TABLE joins
    ALTER COLUMN old_id TYPE text COLLATE "C", ALTER COLUMN old_id SET STATISTICS 0;
ALTER TABLE trait_writes
    ALTER COLUMN traits TYPE jsonb, ALTER COLUMN traits SET STATISTICS 0;
ALTER INDEX trait_writes_by_email ALTER COLUMN 1 SET STATISTICS 0;
ALTER TABLE events
    ALTER COLUMN message_id TYPE text COLLATE "C", ALTER COLUMN message_id SET STATISTICS 0,
    ALTER COLUMN properties TYPE jsonb, ALTER COLUMN properties SET STATISTICS 0;
ALTER TABLE qualifications
    ALTER COLUMN id TYPE text COLLATE "C", ALTER COLUMN id SET STATISTICS 0,
    ALTER COLUMN cause_id TYPE text COLLATE "C", ALTER COLUMN cause_id SET STATISTICS 0;
ALTER TABLE log
    ALTER COLUMN id TYPE text COLLATE "C", ALTER COLUMN id SET STATISTICS 0,
    ALTER COLUMN cause_id TYPE text COLLATE "C", ALTER COLUMN cause_id SET STATISTICS 0,
    ALTER COLUMN was_id TYPE text COLLATE "C", ALTER COLUMN was_id SET STATISTICS 0,
    ALTER COLUMN was_cause_id TYPE text COLLATE "C", ALTER COLUMN was_cause_id SET STATISTICS 0;

-- As before, and a new month does not take that over by itself.
CREATE OR REPLACE FUNCTION make_months(moments timestamptz[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month timestamp;
    partition text;
BEGIN
    FOR month IN
        SELECT DISTINCT date_trunc('month', moment AT TIME ZONE 'UTC')
        FROM unnest(moments) AS moment, journal
        WHERE moment >= history_from
        ORDER BY 1
    LOOP
        partition := 'events_' || to_char(month, 'YYYY_MM');
        IF to_regclass(partition) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING ALL)', partition);
            EXECUTE format(
                'ALTER TABLE %I ALTER COLUMN message_id SET STATISTICS 0, ALTER COLUMN properties SET STATISTICS 0',
                partition
            );
            EXECUTE format(
                'ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                partition, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC'
            );
        END IF;
    END LOOP;
END
$$;
