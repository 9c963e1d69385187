-- Since when Telegram has not answered for a message: it is given up at an age, not after a number of requests. First,
-- because this lock, which also readers wait for, could not be had for sure after the next ones.
ALTER TABLE outbox ADD COLUMN failing_since timestamptz;

-- What names a person, so that forgetting them reads no whole table inside a turn. Held: both tables, until the end.
-- Measured: 2 s for a million messages and 300,000 rows of usage. Turns and senders wait meanwhile, at most as long as
-- their own lock timeout; then Telegram repeats.
CREATE INDEX companion_usage_user ON companion_usage (user_id);
-- What is over; what is pending has an index of its own (outbox_pending). A message enters once, with its mark.
CREATE INDEX outbox_over ON outbox (chat_id) WHERE sent_at IS NOT NULL OR dead_at IS NOT NULL;
-- The file that a message carries. Inside a text the quotes around the name are escaped, so this finds no words about
-- one; messages of text, which cannot carry any, are not in it.
CREATE INDEX outbox_file ON outbox (CAST(substring(payload #>> '{}' FROM '"outbox_file": *([0-9]+)') AS bigint))
    WHERE method <> 'sendMessage';
