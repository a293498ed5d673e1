-- Lists by several labels at once. An index per label answers a list by one; for several, the database can only guess how
-- many tickets have them all, and where that is few or none it may read every ticket to find out.
--
-- Few combinations of labels occur, however many tickets there are. They are kept here, and each ticket names its own, so
-- a list merges the newest tickets of the combinations that pass.

-- The name of a combination. Two may share one with a probability below 10^-12 (3,600 combinations, 64 bits).
create function projector.label_set(
    status text, request_type text, category text, priority text, sentiment text, route text
) returns bigint language sql immutable parallel safe as $$
    -- Between them stands a character that no label has.
    select hashtextextended(
        status || e'\x1f' || request_type || e'\x1f' || coalesce(category, '') || e'\x1f' || coalesce(priority, '')
            || e'\x1f' || coalesce(sentiment, '') || e'\x1f' || coalesce(route, ''), 0)
$$;

-- Whoever writes tickets adds what is missing here. Nothing is ever taken away: a combination without tickets is harmless.
create table projector.label_sets (
    status       text    not null,
    request_type text    not null,
    category     text,
    priority     text,
    sentiment    text,
    route        text,
    label_set    bigint  not null generated always as
        (projector.label_set(status, request_type, category, priority, sentiment, route)) stored,
    unique nulls not distinct (status, request_type, category, priority, sentiment, route)
);

-- What is made or kept beside the live tables has none of this.
do $$ begin perform projector.drop_build(schema) from projector.builds; end $$;
delete from projector.builds;

alter table projector.tickets add column label_set bigint not null generated always as
    (projector.label_set(status, request_type, category, priority, sentiment, route)) stored;
create index tickets_label_set on projector.tickets (label_set, number);
insert into projector.label_sets
select distinct status, request_type, category, priority, sentiment, route from projector.tickets;

-- The combinations that pass a filter; null lets all pass.
create function projector.label_sets_of(
    status text, category text, priority text, sentiment text, request_type text, route text
) returns setof bigint language sql stable parallel safe as $$
    select label_set from projector.label_sets held
    where ($1 is null or held.status = $1) and ($2 is null or held.category = $2) and ($3 is null or held.priority = $3)
      and ($4 is null or held.sentiment = $4) and ($5 is null or held.request_type = $5) and ($6 is null or held.route = $6)
$$;

-- Few tickets are one assignee's, and few need a person. With the combination in their indexes, a list of those with some
-- labels is answered by the index alone.
drop index projector.tickets_assignee, projector.tickets_needs_review;
create index tickets_assignee on projector.tickets (assignee, number) include (label_set, needs_review)
    where assignee is not null;
create index tickets_needs_review on projector.tickets (number) include (label_set) where needs_review;

-- Each form of a word once: the more often the same stem is asked for, the more tickets the planner expects to have it, and
-- then it reads tickets from the newest on instead of asking the index.
create or replace function projector.any_form(word text) returns tsquery language sql immutable parallel safe as $$
    select coalesce(string_agg(distinct '(' || form::text || ')', ' | '), '')::tsquery
    from (values (plainto_tsquery('simple', word)),
        (plainto_tsquery('danish', word)), (plainto_tsquery('german', word)), (plainto_tsquery('english', word)),
        (plainto_tsquery('spanish', word)), (plainto_tsquery('finnish', word)), (plainto_tsquery('french', word)),
        (plainto_tsquery('italian', word)), (plainto_tsquery('dutch', word)), (plainto_tsquery('portuguese', word)),
        (plainto_tsquery('russian', word)), (plainto_tsquery('swedish', word)), (plainto_tsquery('turkish', word))
    ) forms (form)
    where numnode(form) > 0
$$;
