-- Who wrote the end of the journal: what another writer wrote is not taken for what we tried to write.
ALTER TABLE journal ADD COLUMN mark bigint NOT NULL DEFAULT 0;
