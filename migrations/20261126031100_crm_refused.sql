-- Of an ambiguous ticket: what the CRM says against its record, in a refusal that a look-up has to confirm. Without a
-- record the ticket is then parked for it.
alter table crm.delivery
    add column refused text,
    add constraint refusals_are_looked_up check (refused is null or state = 'ambiguous');
