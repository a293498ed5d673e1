-- What came of asking for the fields of the form. Each asking costs one of the day's calls, and a process that starts
-- over and over must not ask each time.
create table crm.form_check (
    sink        text        primary key,
    fingerprint bytea       not null, -- of form and mapping: others are another question
    outcome     text        not null check (outcome in ('fits', 'misfit', 'refused', 'unanswered')),
    in_a_row    integer     not null, -- askings since it last fitted; each is waited for longer
    asked_at    timestamptz not null
);
