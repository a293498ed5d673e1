-- Files that came with tickets, sealed under the requester's key and found by their hash: events hold the hash only, so
-- the log stays small and erasing the requester erases the file.
create table personal.attachments (
    requester_id text        not null,
    sha256       text        not null,
    sealed       bytea       not null,
    created_at   timestamptz not null default clock_timestamp(),
    primary key (requester_id, sha256)
);
