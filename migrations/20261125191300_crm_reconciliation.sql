-- Comparing what the CRM holds with what we believe it holds.
create table crm.reconciliation (
    id          bigint      primary key generated always as identity,
    sink        text        not null,
    asked_by    text        not null, -- 'schedule', or who asked
    asked_at    timestamptz not null,
    -- Records added since then, and tickets delivered since then; null for all.
    since       timestamptz,
    started_at  timestamptz,
    cursor      text,
    pages       integer     not null default 0,
    read_at     timestamptz, -- the last page; from then on what seems to be missing is looked up
    finished_at timestamptz
);
create unique index reconciliation_one_at_a_time on crm.reconciliation (sink) where finished_at is null;

-- What the CRM holds, as the pages of the latest run told.
create table crm.sighting (
    run       bigint not null references crm.reconciliation (id) on delete cascade,
    record_id text   not null,
    ticket_id text   not null,
    primary key (run, record_id)
);

-- missing:  delivered, but its record is gone; delivered anew.
-- unknown:  a record of no ticket of ours.
-- double:   a younger record of a ticket that has one.
-- recovered: a ticket that was not known to be delivered, and is.
create table crm.finding (
    run       bigint  not null references crm.reconciliation (id) on delete cascade,
    kind      text    not null check (kind in ('missing', 'unknown', 'double', 'recovered')),
    record_id text    not null,
    ticket_id text    not null,
    -- missing: looked up by itself before anything follows from it.
    settled   boolean not null,
    primary key (run, kind, record_id, ticket_id)
);
