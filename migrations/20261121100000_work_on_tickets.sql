-- What people do with tickets, in the read model. Tickets projected before this have seen none of it.
alter table projector.tickets
    add column assignee    text,  -- null = nobody yet
    -- What people corrected in the analysis, by decision; null = nothing. The label columns show it, `analysis` keeps what
    -- the analyzer said.
    add column corrections jsonb;

-- Most tickets of a busy desk are somebody's, but nobody lists those of no one by this index.
create index tickets_assignee on projector.tickets (assignee, number) where assignee is not null;

-- Personal members of an event (a comment's text), by name, sealed as the log holds them. They are opened when read, so
-- that erasing a requester, which destroys the key, leaves nothing to clear here.
alter table projector.timeline add column sealed jsonb;
