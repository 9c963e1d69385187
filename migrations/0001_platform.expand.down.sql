DROP TABLE schedules, dead_jobs, jobs, processes, bot_state, outbox_chats, outbox, outbox_files, conversations, dead_updates, updates, users;
