-- Lost: what was measured before a date was marked as done. Taking such a mark back leaves nothing of that date.
ALTER TABLE habits_executions DROP COLUMN amount_before;
