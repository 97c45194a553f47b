-- Where the daemon on this database is asked, for the commands beside it. One that died has left its row behind: it only
-- means something while somebody holds the writer's lock.
CREATE TABLE daemon (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT there_is_one_daemon CHECK (only_row),
    url text NOT NULL
);
