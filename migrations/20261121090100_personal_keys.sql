-- Keys of personal data. They live beside the log, never in it: destroying a requester's row makes everything sealed
-- under it unreadable, while every hash over the log stays as it was.
create schema personal;

-- One data key per requester, wrapped by the master key that is kept outside this database.
create table personal.requester_keys (
    requester_id text        primary key,
    wrapped      bytea       not null,
    created_at   timestamptz not null default clock_timestamp()
);

-- The key of the hash that turns an e-mail address into a requester id, wrapped too. One row.
create table personal.hash_key (
    only_row boolean primary key default true check (only_row),
    wrapped  bytea   not null
);
