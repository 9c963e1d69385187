-- When a message was refused is lost; that it was, is not.
UPDATE companion_messages SET answered_at = 'epoch' WHERE refused_at IS NOT NULL;
ALTER TABLE companion_messages DROP COLUMN refused_at;
ALTER TABLE jobs DROP COLUMN not_before;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;
DROP INDEX outbox_sent_brin;
CREATE INDEX updates_received_at ON updates (received_at);
DROP INDEX updates_received_at_brin;
