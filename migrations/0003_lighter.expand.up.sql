-- Rows of these two tables come in the order of their times and are asked for by time only to prune and to count: a
-- summary of each run of pages is enough, and costs the hot path next to nothing. Held: writes to the table, for as
-- long as one reading of it takes.
CREATE INDEX updates_received_at_brin ON updates USING brin (received_at) WITH (pages_per_range = 32, autosummarize = on);
DROP INDEX updates_received_at;
CREATE INDEX outbox_sent_brin ON outbox USING brin (sent_at) WITH (pages_per_range = 32, autosummarize = on);
DROP INDEX outbox_sent;

-- What the other side asked a job to wait for: it may be hastened, but not before this.
ALTER TABLE jobs ADD COLUMN not_before timestamptz;

-- A person's message that the model's provider refuses to see: it will not be answered, nor shown to the model again.
-- The mark of earlier versions (answered_at at the epoch) stays beside it for as long as one of them may run.
ALTER TABLE companion_messages ADD COLUMN refused_at timestamptz;
UPDATE companion_messages SET refused_at = created_at WHERE role = 'user' AND answered_at = 'epoch';
