-- When tickets were last sent for the first time: requests follow each other so slowly that the day's calls last, and a
-- process that starts over and over must not begin anew each time.
alter table crm.lane add column sent_at timestamptz;
