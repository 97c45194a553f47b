-- What commands need beside a running daemon, and in its stead where none runs.


-- keep_daemon_url --
-- $1 where the daemon is asked from now on.
INSERT INTO daemon (url) VALUES ($1) ON CONFLICT (only_row) DO UPDATE SET url = excluded.url

-- daemon_url --
-- Where the daemon is asked that ran last, if ever one did.
SELECT url FROM daemon

-- overdue --
-- $1 segments, $2 the present. Of these segments, those of which something came due, and nobody was there.
SELECT DISTINCT segment FROM timers WHERE segment = ANY ($1::integer[]) AND due <= $2
