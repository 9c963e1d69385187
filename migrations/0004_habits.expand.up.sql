-- What a person set for all of their habits. Without a row: as the manifest says.
CREATE TABLE habits_people (
    user_id     bigint PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- Until when after midnight a day goes on.
    end_of_day  time CHECK (end_of_day <= '06:00'),
    quiet_from  time,
    quiet_until time,
    -- When the week is summed up for the person, in their zone.
    weekly      text NOT NULL DEFAULT 'sunday' CHECK (weekly IN ('sunday', 'monday', 'never')),
    -- The Monday of the last week that was.
    told_week   date,
    updated_at  timestamptz NOT NULL,
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL) AND quiet_from <> quiet_until)
);

-- Local dates on which nothing is due: both ends belong to it.
CREATE TABLE habits_days_off (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    first_day  date NOT NULL,
    last_day   date NOT NULL,
    -- 'zone': the person never had these dates, because their zone changed.
    reason     text NOT NULL CHECK (reason IN ('vacation', 'zone')),
    CHECK (first_day <= last_day AND last_day - first_day <= 366)
);
CREATE INDEX habits_days_off_user ON habits_days_off (user_id, first_day);

CREATE TABLE habits (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id         bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
    description     text CHECK (char_length(description) <= 10000),
    -- When it is due: on these weekdays (bit 0 is Monday), or so many times in a week that begins on Monday.
    weekdays        smallint NOT NULL DEFAULT 127 CHECK (weekdays BETWEEN 1 AND 127),
    times_a_week    smallint CHECK (times_a_week BETWEEN 1 AND 7),
    -- Local times of day; the first is the contract's time_to_remind.
    remind_at       time[] NOT NULL CHECK (cardinality(remind_at) BETWEEN 1 AND 8),
    -- Done so many times in a row, it is archived.
    target_days     integer NOT NULL CHECK (target_days > 0),
    -- A measured habit is done when the day's amount reaches this.
    target_amount   integer CHECK (target_amount > 0),
    unit            text CHECK (char_length(unit) BETWEEN 1 AND 32),
    is_active       boolean NOT NULL DEFAULT true,
    -- The date whose mark reached the target, while that stands.
    completed_on    date,
    -- The person's date when it was made.
    first_day       date NOT NULL,
    -- What its executions come to (domain::streak::Summary), renewed in the transaction of every change of them.
    run             integer NOT NULL DEFAULT 0,
    in_row          integer NOT NULL DEFAULT 0,
    run_on          date,
    best            integer NOT NULL DEFAULT 0,
    week_done       smallint NOT NULL DEFAULT 0,
    week_skipped    smallint NOT NULL DEFAULT 0,
    -- When the worker looks at it next; NULL: never.
    next_at         timestamptz,
    -- "In an hour": asked for once.
    snoozed_until   timestamptz,
    -- The local moment of the last reminder that fired: going west, a person does not get it again.
    fired_through   timestamp,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX habits_user ON habits (user_id, id);
CREATE INDEX habits_due ON habits (next_at) WHERE next_at IS NOT NULL;

-- One a habit and local date.
CREATE TABLE habits_executions (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    habit_id       bigint NOT NULL REFERENCES habits (id) ON DELETE CASCADE,
    execution_date date NOT NULL,
    status         text NOT NULL CHECK (status IN ('pending', 'done', 'not_done', 'skipped')),
    amount         integer CHECK (amount >= 0),
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    UNIQUE (habit_id, execution_date)
);

-- The last picture of a habit's month: as long as it would look the same, Telegram has it already.
CREATE TABLE habits_pictures (
    habit_id bigint NOT NULL REFERENCES habits (id) ON DELETE CASCADE,
    month    date NOT NULL,
    language text NOT NULL,
    -- Of all that it shows.
    digest   bytea NOT NULL,
    file_id  bigint NOT NULL REFERENCES outbox_files (id) ON DELETE CASCADE,
    made_at  timestamptz NOT NULL,
    PRIMARY KEY (habit_id, month, language)
);
-- For the pruning of files.
CREATE INDEX habits_pictures_file ON habits_pictures (file_id);

-- What became of the reminders of each day (UTC): one row a day.
CREATE TABLE habits_told (
    day         date PRIMARY KEY,
    sent        bigint NOT NULL,
    late        bigint NOT NULL,
    needless    bigint NOT NULL,
    expired     bigint NOT NULL,
    unreachable bigint NOT NULL
);
