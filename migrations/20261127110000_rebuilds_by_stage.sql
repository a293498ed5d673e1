-- Each stage keeps what was live before in a schema of its own. An exchange drops what stands there to make room, and with
-- one schema for all, exchanging the tickets took away what a rollback of the words goes back to.
--   projector_previous         of the stage of tickets
--   projector_previous_search  of the stage of words
create schema projector_previous_search;

alter table projector.builds drop constraint builds_schema_check;
alter table projector.builds add constraint builds_schema_check check
    (schema in ('projector_next', 'projector_shadow', 'projector_previous', 'projector_previous_search'));

create or replace function projector.check_build(place text, tables text[]) returns void language plpgsql as $$
declare
    name text;
begin
    if place not in ('projector_next', 'projector_shadow', 'projector_previous', 'projector_previous_search') then
        raise exception 'no read model is made in schema %', place using errcode = 'invalid_parameter_value';
    end if;
    foreach name in array tables loop
        if name not in ('tickets', 'timeline', 'statistics', 'requesters', 'embeddings', 'search') then
            raise exception 'no projection has a table %', name using errcode = 'invalid_parameter_value';
        end if;
    end loop;
end $$;

-- Words that were live before move along.
do $$ begin
    if exists (select from projector.builds where schema = 'projector_previous' and 'search' = any(projections)) then
        perform projector.move_build('projector_previous', 'projector_previous_search', array['search']);
        update projector.builds set schema = 'projector_previous_search' where schema = 'projector_previous';
    end if;
end $$;

-- The tables of `place` become the live ones, and the live ones those of `previous`. A service of an older build finds no
-- function of its two arguments, and exchanges nothing until it is replaced.
drop function projector.exchange_build(text, text[]);
create function projector.exchange_build(place text, previous text, tables text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform projector.check_build(place, tables);
    perform projector.check_build(previous, tables);
    perform projector.move_build('projector', 'projector_aside', tables);
    perform projector.move_build(place, 'projector', tables);
    perform projector.drop_build_parts(place);
    perform projector.drop_build(previous);
    perform projector.move_build('projector_aside', previous, tables);
end $$;
do $$ begin
    revoke execute on function projector.exchange_build(text, text, text[]) from public;
    if exists (select from pg_roles where rolname = 'hub_services') then
        grant execute on function projector.exchange_build(text, text, text[]) to hub_services;
    end if;
end $$;

-- The last time that the read model was compared with the log, and what was found (projector/src/drift): a projector that
-- starts goes on from there, however often it is replaced.
create table projector.last_drift_check (
    one         boolean     primary key default true check (one),
    finished_at timestamptz not null default clock_timestamp(),
    report      jsonb       not null
);
