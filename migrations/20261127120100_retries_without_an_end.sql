-- Attempts in a row that were begun and never came to an end: whoever made them died, perhaps of them.
alter table subscription.exceptions add column unended integer not null default 0;
