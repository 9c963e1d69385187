-- What was said between a person and a persona, oldest first by id. The prompt is built from its end.
CREATE TABLE companion_messages (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chat_id     bigint NOT NULL,
    user_id     bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    persona     text NOT NULL,
    role        text NOT NULL CHECK (role IN ('user', 'assistant')),
    content     text NOT NULL,
    created_at  timestamptz NOT NULL,
    -- A person's message: set in the transaction that writes its answer. NULL: still owed one.
    answered_at timestamptz
);
CREATE INDEX companion_messages_chat ON companion_messages (chat_id, id);
CREATE INDEX companion_messages_owed ON companion_messages (chat_id) WHERE role = 'user' AND answered_at IS NULL;
CREATE INDEX companion_messages_user ON companion_messages (user_id);

-- What answers cost: tokens as the provider billed them, or an estimate where a stream broke.
CREATE TABLE companion_usage (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id           bigint REFERENCES users (id) ON DELETE SET NULL,
    model             text NOT NULL,
    prompt_tokens     integer NOT NULL,
    completion_tokens integer NOT NULL,
    estimated         boolean NOT NULL,
    created_at        timestamptz NOT NULL
);
CREATE INDEX companion_usage_created_at ON companion_usage (created_at);
