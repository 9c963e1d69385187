-- Who talks to the bot. Ids are ours; telegram_id is Telegram's.
CREATE TABLE users (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    telegram_id    bigint NOT NULL UNIQUE CHECK (telegram_id > 0),
    username       text,
    first_name     text,
    last_name      text,
    -- What Telegram says (language_code) and what the person chose; the choice wins.
    client_language text,
    language       text,
    timezone       text NOT NULL DEFAULT 'UTC',
    is_active      boolean NOT NULL DEFAULT true,
    is_bot_blocked boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
);

-- Each update once per (bot, update_id). No watermark: ids may restart after an idle week.
CREATE TABLE updates (
    bot_id      bigint NOT NULL,
    update_id   bigint NOT NULL,
    kind        text NOT NULL,
    received_at timestamptz NOT NULL,
    -- Only for kinds that nobody handles yet: kept, so that nothing is lost before they are known.
    raw         json,
    PRIMARY KEY (bot_id, update_id)
);
CREATE INDEX updates_received_at ON updates (received_at);

-- Updates whose handler failed: replayed from admin.
CREATE TABLE dead_updates (
    bot_id      bigint NOT NULL,
    update_id   bigint NOT NULL,
    kind        text NOT NULL,
    chat_id     bigint,
    user_id     bigint,
    raw         json NOT NULL,
    error       text NOT NULL,
    failed_at   timestamptz NOT NULL,
    replayed_at timestamptz,
    PRIMARY KEY (bot_id, update_id)
);

-- Where an open dialogue stands; written in the turn's transaction.
CREATE TABLE conversations (
    chat_id    bigint NOT NULL,
    telegram_id bigint NOT NULL,
    module     text NOT NULL,
    step       json NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (chat_id, telegram_id)
);

-- Media of outgoing messages: uploaded once, then sent by Telegram's file_id.
CREATE TABLE outbox_files (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_name  text NOT NULL,
    mime       text NOT NULL,
    content    bytea,
    file_id    text,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What must arrive. Pending: neither sent_at nor dead_at.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chat_id    bigint NOT NULL,
    priority   smallint NOT NULL,             -- 0 interactive, 1 bulk
    method     text NOT NULL,                 -- Bot API method
    payload    json NOT NULL,                 -- its parameters but chat_id
    edit_of    bigint,                        -- outbox row whose message this edits
    attempts   smallint NOT NULL DEFAULT 0,   -- requests that ended without Telegram's yes
    error      text,
    trace_id   text,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at    timestamptz,
    message_id bigint,                        -- Telegram's, once sent
    dead_at    timestamptz
) WITH (fillfactor = 80);
CREATE INDEX outbox_pending ON outbox (chat_id, priority, id) WHERE sent_at IS NULL AND dead_at IS NULL;
CREATE INDEX outbox_dead ON outbox (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;

-- One row a chat: who may send into it, until when, and when there is something to send.
CREATE TABLE outbox_chats (
    chat_id      bigint PRIMARY KEY,
    due_at       timestamptz,                 -- pending messages may go from then on; NULL: none pending
    priority     smallint NOT NULL DEFAULT 0, -- of the most urgent pending message
    lease_token  uuid,                        -- who sends now; every mark is fenced by it
    lease_until  timestamptz,
    writes       bigint NOT NULL DEFAULT 0,   -- grows with every write: a lease is released only at the count its holder saw
    backlog      boolean NOT NULL DEFAULT false, -- at the last write something older was pending already
    frozen_until timestamptz,                 -- Telegram's retry_after
    refused_at   timestamptz,                 -- last 429
    next_send_at timestamptz                  -- per-chat rate (GCRA): the theoretical arrival time
) WITH (fillfactor = 50);
CREATE INDEX outbox_chats_due ON outbox_chats (priority, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_chats_refused ON outbox_chats (refused_at) WHERE refused_at IS NOT NULL;

-- The bot as a whole: Telegram's 429 that meant all chats, and whose poller it is.
CREATE TABLE bot_state (
    bot_id       bigint PRIMARY KEY,
    frozen_until timestamptz,
    poller_token uuid,
    poller_until timestamptz,
    poll_offset  bigint
);

-- Live processes, to divide the send rate when Redis is away. Rows of the dead are pruned.
CREATE TABLE processes (
    id      uuid PRIMARY KEY,
    role    text NOT NULL,
    seen_at timestamptz NOT NULL
);

-- Work for later: leased, counted when taken, fenced by the lease's token.
CREATE TABLE jobs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL,
    class        text NOT NULL,
    key          text,
    payload      json NOT NULL,
    run_at       timestamptz NOT NULL DEFAULT now(),
    attempts     integer NOT NULL DEFAULT 0,  -- counted when taken: a job that kills its worker runs out of them
    max_attempts integer NOT NULL,
    lease_token  uuid,
    lease_until  timestamptz,
    progress     json,
    error        text,
    trace_id     text,
    created_at   timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX jobs_waiting_key ON jobs (name, key) WHERE key IS NOT NULL AND lease_token IS NULL;
CREATE INDEX jobs_ready ON jobs (class, run_at, id) WHERE lease_token IS NULL;
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE lease_token IS NOT NULL;
CREATE INDEX jobs_running_key ON jobs (name, key) WHERE key IS NOT NULL AND lease_token IS NOT NULL;

CREATE TABLE dead_jobs (
    id          bigint PRIMARY KEY,
    name        text NOT NULL,
    class       text NOT NULL,
    key         text,
    payload     json NOT NULL,
    attempts    integer NOT NULL,
    max_attempts integer NOT NULL,
    error       text NOT NULL,
    trace_id    text,
    created_at  timestamptz NOT NULL,
    died_at     timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz
);
CREATE INDEX dead_jobs_died_at ON dead_jobs (died_at);

-- When each schedule fires next. One row locked = one firing, however many workers.
CREATE TABLE schedules (
    name    text PRIMARY KEY,
    cron    text NOT NULL,
    next_at timestamptz NOT NULL,
    last_at timestamptz
);
