DROP TABLE habits_told, habits_pictures, habits_executions, habits, habits_days_off, habits_people;
