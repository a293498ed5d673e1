-- What the CRM sink still owes the CRM, and what became of the rest. References only: a record is built from the log when
-- it is sent, so that erasing a requester leaves nothing behind here.
create schema crm;

create table crm.delivery (
    ticket_id   text        primary key, -- one record per ticket, whatever else happens
    -- The event that made the ticket due. Ids of outcome events derive from it, so recording one twice changes nothing.
    event_id    uuid        not null,
    position    bigint      not null,
    -- pending:   to be sent.
    -- sending:   in a request right now. Committed before the request leaves, so a crash cannot forget it.
    -- ambiguous: sent, answer unknown. Only a look-up in the CRM tells whether the record exists.
    -- delivered: the CRM holds the record.
    -- parked:    the CRM refuses it, or it cannot be built: an operator decides.
    state       text        not null default 'pending'
                check (state in ('pending', 'sending', 'ambiguous', 'delivered', 'parked')),
    -- Of the latest request. The record carries it too: one look-up by it settles a whole batch.
    batch       text,
    -- Requests that carried the ticket; those refused for a reason that is not the ticket's do not count.
    attempts    integer     not null default 0,
    sent_at     timestamptz,
    -- pending: not to be sent earlier. sending, ambiguous: not to be looked up earlier, for a request that we gave up on
    -- may still be running at the other end.
    due_at      timestamptz not null,
    record_id   text,       -- the CRM's id; text because it has 19 digits
    -- How the record came to be known. On an ambiguous row 'duplicate': the CRM says that it holds a record already,
    -- perhaps of another batch, so the look-up is by ticket.
    how         text        check (how in ('posted', 'found', 'duplicate')),
    reason      text,       -- of parked: a code and our reading of it, never the CRM's words, which quote the ticket
    settled_at  timestamptz,
    constraint delivered_has_a_record check ((state = 'delivered') = (record_id is not null)),
    constraint parked_has_a_reason check ((state = 'parked') = (reason is not null)),
    constraint requests_have_a_batch check (state not in ('sending', 'ambiguous') or batch is not null)
);

-- The lane asks for the earliest due row several times a second; settled rows are out of its way.
create index delivery_due on crm.delivery (state, due_at) where state in ('pending', 'ambiguous');
create index delivery_under_way on crm.delivery (batch) where state in ('sending', 'ambiguous');
create index delivery_parked on crm.delivery (settled_at) where state = 'parked';
