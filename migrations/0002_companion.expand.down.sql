DROP TABLE companion_usage, companion_messages;
