-- One work list for every system that tickets are delivered to: the CRM, and receivers of webhooks.
alter table crm.delivery add column sink text not null default 'zoho';
alter table crm.delivery alter column sink drop default;
alter table crm.delivery drop constraint delivery_pkey, add primary key (sink, ticket_id);

drop index crm.delivery_due;
drop index crm.delivery_under_way;
create index delivery_due on crm.delivery (sink, state, due_at) where state in ('pending', 'ambiguous');
create index delivery_under_way on crm.delivery (sink, batch) where state in ('sending', 'ambiguous');

-- What a sink's lane knows beyond its tickets, and what operators tell it.
create table crm.lane (
    sink            text        primary key,
    -- Grows with every process that leads. Whoever sends or settles under an older number has been replaced.
    fence           bigint      not null default 0,
    paused_at       timestamptz,
    paused_by       text,
    paused_note     text,
    -- Why and until when nothing is sent, kept so that a restart does not forget it.
    breaker         text,
    breaker_until   timestamptz,
    needs_a_person  boolean     not null default false,
    failures        integer     not null default 0,
    constraint a_pause_is_somebodys check ((paused_at is null) = (paused_by is null)),
    constraint a_breaker_has_an_end check ((breaker is null) = (breaker_until is null))
);
insert into crm.lane (sink) values ('zoho');
