-- Lists by the last change. An index of positions on the tickets themselves would have every event write all other indexes of its
-- ticket, too. So where each ticket stands in that order is kept beside it, with what lists filter by: the index holds all of it,
-- and a list that few tickets pass finds them without looking at the others.
create table projector.last_changes (
    number       bigint      primary key,
    position     bigint      not null,
    created_at   timestamptz not null,
    label_set    bigint      not null,
    needs_review boolean     not null,
    assignee     text
);
create index last_changes_position on projector.last_changes (position)
    include (number, created_at, label_set, needs_review, assignee);

-- Nobody shall miss a ticket until the projector, at its first start, makes the rows from the log.
insert into projector.last_changes
select number, position, created_at, label_set, needs_review, assignee from projector.tickets;

-- The tables of read models: what may be made, exchanged and dropped beside the live ones. Whoever adds one replaces this alone.
create function projector.read_model_tables() returns text[] language sql immutable parallel safe as $$
    select array['tickets', 'last_changes', 'timeline', 'statistics', 'requesters', 'embeddings', 'search']
$$;

create or replace function projector.check_build(place text, tables text[]) returns void language plpgsql as $$
declare
    name text;
begin
    if place not in ('projector_next', 'projector_shadow', 'projector_previous', 'projector_previous_search') then
        raise exception 'no read model is made in schema %', place using errcode = 'invalid_parameter_value';
    end if;
    foreach name in array tables loop
        if name <> all (projector.read_model_tables()) then
            raise exception 'no projection has a table %', name using errcode = 'invalid_parameter_value';
        end if;
    end loop;
end $$;

create or replace function projector.drop_build(place text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    name text;
begin
    perform projector.check_build(place, '{}');
    foreach name in array projector.read_model_tables() loop
        execute format('drop table if exists %I.%I', place, name);
    end loop;
    perform projector.drop_build_parts(place);
end $$;
