-- Of a measured habit's date that is done: what had been measured before it was, which taking the mark back restores.
ALTER TABLE habits_executions ADD COLUMN amount_before integer CHECK (amount_before >= 0);
