-- What operators decided to leave undone. References only: the event itself stays in the log, and can be replayed.
create table subscription.discarded (
    id           bigint      generated always as identity primary key,
    name         text        not null,
    position     bigint      not null,
    stream_id    text        not null,
    attempts     integer     not null,
    reason       text        not null, -- why the event was parked
    discarded_at timestamptz not null default clock_timestamp(),
    discarded_by text        not null check (discarded_by <> ''),
    note         text        not null check (note <> '') -- why it may stay undone
);
create index discarded_event on subscription.discarded (name, position);

-- Stages that keep the order of each ticket ask what of a ticket is waiting.
create index exceptions_stream on subscription.exceptions (name, stream_id, position);
