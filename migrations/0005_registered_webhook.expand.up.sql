-- Where the bot's processes registered its webhook last; null: nowhere, or who polls has removed it. A process that polls
-- removes this webhook and no other: Telegram does not say whose a webhook is.
ALTER TABLE bot_state ADD COLUMN webhook_url text;
