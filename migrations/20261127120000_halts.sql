-- Why a stage, or the relay, last stopped moving. Whoever is still halted says so again at least every few seconds; older
-- rows are history.
create table subscription.halts (
    name      text        primary key,
    reason    text        not null,
    halted_at timestamptz not null default clock_timestamp()
);
