-- Lost: since when messages wait for Telegram. The former version counts requests instead.
DROP INDEX outbox_file;
DROP INDEX outbox_over;
DROP INDEX companion_usage_user;
ALTER TABLE outbox DROP COLUMN failing_since;
