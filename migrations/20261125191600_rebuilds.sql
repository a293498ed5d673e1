-- Making the read model anew beside the live one (projector/src/rebuild). Each of these schemas holds tables of the same
-- names and shapes as `projector`, only while there is something in it:
--   projector_next      a read model that is being made, and shall become the live one
--   projector_shadow    one that is made to be compared with the live one, and dropped
--   projector_previous  the one that was live before, until the next exchange: what a rollback goes back to
create schema projector_next;
create schema projector_shadow;
create schema projector_previous;
-- Where the live tables stand for an instant, inside the transaction of an exchange.
create schema projector_aside;

-- What stands in each of them. A row lets a rebuild that was interrupted go on where it stopped.
create table projector.builds (
    schema      text        primary key check (schema in ('projector_next', 'projector_shadow', 'projector_previous')),
    -- Names of the projections in it, and the version of each.
    projections text[]      not null,
    versions    integer[]   not null,
    -- Built from the log up to here.
    through     bigint      not null,
    started_at  timestamptz not null default clock_timestamp(),
    -- Every chunk is done, indexes are made, counters are added up.
    finished_at timestamptz
);

-- The tickets of a build in portions: each is written in one transaction with its mark, so none is done twice.
create table projector.build_chunks (
    schema text    not null references projector.builds (schema) on delete cascade,
    no     integer not null,
    first  text    not null,
    last   text    not null,
    done   boolean not null default false,
    primary key (schema, no)
);

-- The services may not create or move tables. These functions do the few things a rebuild needs, with the rights of the
-- owner, and refuse every other schema and table.

create function projector.check_build(place text, tables text[]) returns void language plpgsql as $$
declare
    name text;
begin
    if place not in ('projector_next', 'projector_shadow', 'projector_previous') then
        raise exception 'no read model is made in schema %', place using errcode = 'invalid_parameter_value';
    end if;
    foreach name in array tables loop
        if name not in ('tickets', 'timeline', 'statistics', 'requesters', 'embeddings') then
            raise exception 'no projection has a table %', name using errcode = 'invalid_parameter_value';
        end if;
    end loop;
end $$;

-- Tables of counters that are not added up yet: one row for each portion that found some.
create function projector.create_build_parts(place text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    name text;
begin
    perform projector.check_build(place, '{}');
    foreach name in array array['statistics', 'requesters'] loop
        execute format('create table if not exists %I.%I (like projector.%I)', place, name || '_parts', name);
    end loop;
end $$;

-- Empty tables, as the live ones but for keys and indexes: those are made when the rows are there.
create function projector.create_build(place text, tables text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    name text;
    setting text;
    may record;
begin
    perform projector.check_build(place, tables);
    foreach name in array tables loop
        execute format('create table %I.%I (like projector.%I including all excluding indexes excluding statistics)',
                       place, name, name);
        for setting in select unnest(reloptions) from pg_class where oid = ('projector.' || name)::regclass loop
            execute format('alter table %I.%I set (%s)', place, name, setting);
        end loop;
        for may in
            select acl.privilege_type, case acl.grantee when 0 then 'public' else quote_ident(role.rolname) end as who
            from pg_class, aclexplode(relacl) acl left join pg_roles role on role.oid = acl.grantee
            where pg_class.oid = ('projector.' || name)::regclass and acl.grantee <> relowner
        loop
            execute format('grant %s on %I.%I to %s', may.privilege_type, place, name, may.who);
        end loop;
    end loop;
    perform projector.create_build_parts(place);
end $$;

-- Keys, indexes and extended statistics of the live table that the other one lacks, under the same names: later migrations look for them.
create function projector.index_build(place text, name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    missing record;
begin
    perform projector.check_build(place, array[name]);
    for missing in
        select conname, pg_get_constraintdef(oid) as definition from pg_constraint live
        where conrelid = ('projector.' || name)::regclass and contype in ('p', 'u')
          and not exists (select from pg_constraint
                          where conrelid = (place || '.' || name)::regclass and conname = live.conname)
    loop
        execute format('alter table %I.%I add constraint %I %s', place, name, missing.conname, missing.definition);
    end loop;
    for missing in
        select pg_get_indexdef(indexrelid) as definition from pg_index join pg_class live on live.oid = indexrelid
        where indrelid = ('projector.' || name)::regclass
          and not exists (select from pg_constraint where conindid = indexrelid)
          and to_regclass(place || '.' || live.relname) is null
    loop
        execute replace(missing.definition, ' ON projector.', format(' ON %I.', place));
    end loop;
    for missing in
        select pg_get_statisticsobjdef(oid) as definition from pg_statistic_ext live
        where stxrelid = ('projector.' || name)::regclass
          and not exists (select from pg_statistic_ext
                          where stxnamespace = place::regnamespace and stxname = live.stxname)
    loop
        execute replace(missing.definition, ' projector.', format(' %I.', place));
    end loop;
    execute format('analyze %I.%I', place, name);
end $$;

create function projector.drop_build_parts(place text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform projector.check_build(place, '{}');
    execute format('drop table if exists %I.statistics_parts, %I.requesters_parts', place, place);
end $$;

create function projector.drop_build(place text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform projector.check_build(place, '{}');
    execute format('drop table if exists %I.tickets, %I.timeline, %I.statistics, %I.requesters, %I.embeddings',
                   place, place, place, place, place);
    perform projector.drop_build_parts(place);
end $$;

-- Moves tables with all that is theirs. Extended statistics do not come along by themselves.
create function projector.move_build(here text, there text, tables text[]) returns void language plpgsql as $$
declare
    name text;
    statistics text;
begin
    foreach name in array tables loop
        for statistics in
            select stxname from pg_statistic_ext
            where stxrelid = (here || '.' || name)::regclass and stxnamespace = here::regnamespace
        loop
            execute format('alter statistics %I.%I set schema %I', here, statistics, there);
        end loop;
        execute format('alter table %I.%I set schema %I', here, name, there);
    end loop;
end $$;

-- The tables of `place` become the live ones, and the live ones the previous ones.
create function projector.exchange_build(place text, tables text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform projector.check_build(place, tables);
    perform projector.move_build('projector', 'projector_aside', tables);
    perform projector.move_build(place, 'projector', tables);
    perform projector.drop_build_parts(place);
    perform projector.drop_build('projector_previous');
    perform projector.move_build('projector_aside', 'projector_previous', tables);
end $$;

-- Not everybody's.
do $$
declare
    ours regprocedure;
begin
    for ours in
        select oid from pg_proc where pronamespace = 'projector'::regnamespace and proname ~ '_build(_parts)?$' and prosecdef
    loop
        execute format('revoke execute on function %s from public', ours);
        if exists (select from pg_roles where rolname = 'hub_services') then
            execute format('grant execute on function %s to hub_services', ours);
        end if;
    end loop;
end $$;
