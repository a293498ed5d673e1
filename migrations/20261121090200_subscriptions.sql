-- How far each stage has come, and what it could not do.
create schema subscription;

create table subscription.checkpoints (
    name       text        primary key,
    -- Everything up to here is done, or stands in subscription.exceptions.
    position   bigint      not null default 0,
    -- Attempts at the batch after `position`, counted before the handler runs: a crash counts too.
    attempts   integer     not null default 0,
    updated_at timestamptz not null default clock_timestamp()
);

-- Events a stage has passed without finishing them. References only: the event itself stays in the log.
create table subscription.exceptions (
    name       text        not null references subscription.checkpoints (name),
    position   bigint      not null,
    stream_id  text        not null,
    attempts   integer     not null,
    -- When to try again; null = parked until an operator decides.
    due_at     timestamptz,
    reason     text        not null,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (name, position)
);
create index exceptions_due on subscription.exceptions (name, due_at) where due_at is not null;
