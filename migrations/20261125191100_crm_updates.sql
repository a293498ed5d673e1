-- Records follow their tickets: what a record should tell, and what it tells.
alter table crm.delivery
    -- The newest event that changes the record, and the newest one that the record is known to reflect. An update is
    -- owed while the first is beyond the second.
    add column wanted          bigint,
    add column told            bigint  not null default 0,
    -- The newest event behind the latest request that carries the ticket.
    add column built           bigint,
    -- Not before this time: while a request that we gave up on may still run, a second one could be overtaken by it.
    add column update_due_at   timestamptz,
    add column update_attempts integer not null default 0,
    add column update_refused  text,
    -- Tickets of high priority need not wait for company.
    add column urgent          boolean not null default false,
    -- Part of a batch that was refused as a whole: sent by itself, to find the record that spoils it.
    add column slice           text,
    -- Records that were lost so far: ids of events derive from it.
    add column lost            integer not null default 0,
    -- What an operator decided about a parked ticket.
    add column decided_by      text,
    add column decided_note    text;

update crm.delivery d set told = position, wanted = greatest(position, (
    select max(e.position) from log.events e
    where e.stream_id = d.ticket_id
      and e.type in ('hub.ticket.analyzed.v1', 'hub.ticket.analysis-corrected.v1', 'hub.ticket.assigned.v1',
                     'hub.ticket.resolved.v1', 'hub.ticket.reopened.v1', 'hub.ticket.closed.v1')));
update crm.delivery set update_due_at = clock_timestamp() where wanted > told;
alter table crm.delivery alter column wanted set not null;

create index delivery_update_due on crm.delivery (sink, update_due_at)
    where state = 'delivered' and wanted > told and update_refused is null;

alter table crm.delivery drop constraint delivery_state_check, drop constraint parked_has_a_reason;
alter table crm.delivery
    -- discarded: an operator decided that the CRM need not have it.
    add constraint delivery_state_check
        check (state in ('pending', 'sending', 'ambiguous', 'delivered', 'parked', 'discarded')),
    add constraint parked_has_a_reason check ((state in ('parked', 'discarded')) = (reason is not null)),
    add constraint discarding_is_somebodys check (state <> 'discarded' or decided_by is not null);
