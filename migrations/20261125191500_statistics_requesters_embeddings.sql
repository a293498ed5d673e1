-- More of the read model: what resolving, reopening and confirming did to a ticket, counters that are kept instead of
-- counted, requesters, and embeddings. All of it is a function of the log, like the tickets themselves; `projector`
-- makes it anew from the log when it finds a read model of an older version (projector.versions).

alter table projector.tickets
    -- Of the latest analysis: the language full-text search reads the text in. Null = not analyzed.
    add column language     text,
    -- When the resolution that holds was made; null = never resolved, or reopened since.
    add column resolved_at  timestamptz,
    add column resolutions  integer not null default 0,
    add column reopenings   integer not null default 0,
    -- What the requester said to the latest resolution that was confirmed, 1 to 5.
    add column satisfaction smallint;

-- A requester's own tickets, newest first.
create index tickets_requester on projector.tickets (requester_id, number);

-- Which version of each projection the tables hold; a build that knows a newer one makes it anew from the log.
create table projector.versions (
    projection text        primary key,
    version    integer     not null,
    -- When it was last made anew, and up to where that read the log; after that it follows.
    built_at   timestamptz not null default clock_timestamp(),
    through    bigint      not null
);

-- How many tickets stand in each cell, kept up to date in the transaction that changes the ticket: a dashboard reads
-- counters and never counts. A cell is a time, a dimension and a label (of two-dimensional ones: and another label).
-- Dimensions and labels: projector/src/statistics/count.rs.
create table projector.statistics (
    -- all     every ticket; at = 'epoch'
    -- day     tickets submitted on the day (UTC) that begins at `at`
    -- hour    tickets submitted in the hour that begins at `at`
    -- change  by how much `all` changed in the hour that begins at `at`, by the time of the events: the sum of all
    --         changes before a time is what `all` was at that time
    grain     text        not null check (grain in ('all', 'day', 'hour', 'change')),
    at        timestamptz not null,
    dimension text        not null,
    label     text        not null,
    -- Empty where the dimension has one label only.
    other     text        not null,
    -- Zero once every ticket has left the cell.
    count     bigint      not null,
    primary key (grain, at, dimension, label, other)
) with (fillfactor = 50); -- updated with every batch, never in an indexed column: room for HOT updates

-- One dimension over time.
create index statistics_dimension on projector.statistics (dimension, grain, at);

-- Who hands in tickets. No personal data: name and address stand in the requester's tickets only.
create table projector.requesters (
    requester_id     text        primary key,
    tickets          bigint      not null,
    open_tickets     bigint      not null,
    -- Whose sentiment is negative.
    negative_tickets bigint      not null,
    -- That were reopened at least once.
    reopened_tickets bigint      not null,
    first_ticket_at  timestamptz not null,
    last_ticket_at   timestamptz not null,
    last_number      bigint      not null
) with (fillfactor = 70);

-- Where a ticket's text lies among the others, by its latest analysis. Personal data (a text can be guessed from its
-- vector): erasing a requester deletes the row. Values are comparable within one `space` only.
create table projector.embeddings (
    ticket_id  text        primary key,
    number     bigint      not null unique,
    created_at timestamptz not null,
    space      text        not null,
    -- What one step is worth.
    scale      real        not null,
    -- One signed byte per dimension.
    steps      bytea       not null
);
create index embeddings_created_at on projector.embeddings (space, created_at);
