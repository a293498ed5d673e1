-- The read model of tickets. A function of the log: it can be emptied and made again at any time.
create schema projector;

create table projector.tickets (
    id               text        primary key,
    -- Position of the ticket's first event: short enough to read out, and the order of creation, which lists page by.
    number           bigint      not null unique,
    requester_id     text        not null,
    -- Personal data in clear text, each in one column only, so that erasing a requester has few places to clear.
    -- Null = the requester was erased (summary and entities: or there is no analysis).
    name             text,
    email            text,
    description      text,
    summary          text,
    entities         jsonb,
    request_type     text        not null,
    status           text        not null,
    -- The labels of the latest analysis, lifted out of it because lists filter by them. Null = not analyzed.
    category         text,
    priority         text,
    sentiment        text,
    kind             text,
    route            text,
    urgency          smallint,
    -- The whole answer of the analyzer without its personal parts.
    analysis         jsonb,
    needs_review     boolean     not null,
    degraded         boolean     not null,
    crm_system       text,
    crm_record_id    text,
    crm_status       text        not null check (crm_status in ('pending', 'delivered', 'parked')),
    created_at       timestamptz not null,
    -- When the analyzer first answered: a later, better answer does not change how long the requester waited.
    analyzed_at      timestamptz,
    crm_delivered_at timestamptz,
    updated_at       timestamptz not null,
    -- The last event seen. An event at or before it was applied already.
    position         bigint      not null,
    version          integer     not null
) with (fillfactor = 70); -- every ticket is updated at least twice: room for the new row on the same page

-- One index per filter, in the order lists page by. What is not filtered by stays out of every index, so that the CRM's
-- updates touch none of them.
create index tickets_status       on projector.tickets (status, number);
create index tickets_category     on projector.tickets (category, number);
create index tickets_priority     on projector.tickets (priority, number);
create index tickets_sentiment    on projector.tickets (sentiment, number);
create index tickets_request_type on projector.tickets (request_type, number);
create index tickets_route        on projector.tickets (route, number);
create index tickets_created_at   on projector.tickets (created_at);
-- Few tickets need a person; the others would only make the index larger.
create index tickets_needs_review on projector.tickets (number) where needs_review;

-- What happened to each ticket, as auditors and the journey read it. No personal data, so erasing leaves it alone.
create table projector.timeline (
    ticket_id    text        not null, -- no foreign key: events of types we do not know may have no ticket yet
    version      integer     not null,
    position     bigint      not null,
    event_id     uuid        not null,
    type         text        not null,
    recorded_at  timestamptz not null,
    -- The database's clock, like recorded_at: the difference is true even when the machines' clocks differ.
    projected_at timestamptz not null default clock_timestamp(),
    actor        text        not null,
    traceparent  text,
    -- The event without its personal data; null where this build does not know the type.
    details      jsonb,
    primary key (ticket_id, version)
);
