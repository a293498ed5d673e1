-- Lists by several labels at once. An index per label answers a list by one; for several, the database can only guess how
-- many tickets have them all, and where that is few or none it may read every ticket to find out.
--
-- Few combinations of labels occur, however many tickets there are. They are kept here, and each ticket names its own, so
-- a list merges the newest tickets of the combinations that pass.

-- The name of a combination. Two may share one with a probability of 10^-12 (7,000 combinations, 64 bits).
create function projector.label_set(
    status text, request_type text, category text, priority text, sentiment text, route text, needs_review boolean
) returns bigint language sql immutable parallel safe as $$
    -- Between them stands a character that no label has.
    select hashtextextended(
        status || e'\x1f' || request_type || e'\x1f' || coalesce(category, '') || e'\x1f' || coalesce(priority, '')
            || e'\x1f' || coalesce(sentiment, '') || e'\x1f' || coalesce(route, '') || e'\x1f' || needs_review::text, 0)
$$;

-- Whoever writes tickets adds what is missing here. Nothing is ever taken away: a combination without tickets is harmless.
create table projector.label_sets (
    status       text    not null,
    request_type text    not null,
    category     text,
    priority     text,
    sentiment    text,
    route        text,
    needs_review boolean not null,
    label_set    bigint  not null generated always as
        (projector.label_set(status, request_type, category, priority, sentiment, route, needs_review)) stored,
    unique nulls not distinct (status, request_type, category, priority, sentiment, route, needs_review)
);

-- What is made or kept beside the live tables has none of this.
do $$ begin perform projector.drop_build(schema) from projector.builds; end $$;
delete from projector.builds;

alter table projector.tickets add column label_set bigint not null generated always as
    (projector.label_set(status, request_type, category, priority, sentiment, route, needs_review)) stored;
create index tickets_label_set on projector.tickets (label_set, number);
insert into projector.label_sets
select distinct status, request_type, category, priority, sentiment, route, needs_review from projector.tickets;
