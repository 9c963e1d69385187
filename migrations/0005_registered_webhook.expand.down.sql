-- Lost: where the webhook was registered. The next process that takes updates by webhook says it again.
ALTER TABLE bot_state DROP COLUMN webhook_url;
