-- A rebuild makes all indexes of all tables at once, each by a connection of its own, and rows cost less to write.

-- What nobody filters or sorts by needs no statistics: looking at long texts is most of what an ANALYZE costs.
alter table projector.tickets
    alter name set statistics 0, alter email set statistics 0, alter description set statistics 0,
    alter summary set statistics 0, alter entities set statistics 0, alter analysis set statistics 0,
    alter corrections set statistics 0;
alter table projector.timeline
    alter details set statistics 0, alter sealed set statistics 0, alter traceparent set statistics 0;
alter table projector.embeddings alter steps set statistics 0;

-- How labels depend on each other was looked at in all 186 ways there are, each with a sort of thirty thousand rows: seconds
-- of every ANALYZE. Which labels come together most is enough: lists by several labels go by their combination.
drop statistics projector.tickets_labels;
create statistics projector.tickets_labels (mcv)
    on status, category, priority, sentiment, request_type, route from projector.tickets;

-- Where this server can: it compresses long rows in a fraction of the time. What is stored stays as it is.
do $$ begin
    alter table projector.tickets
        alter description set compression lz4, alter entities set compression lz4,
        alter analysis set compression lz4, alter corrections set compression lz4;
    alter table projector.timeline alter details set compression lz4, alter sealed set compression lz4;
exception when feature_not_supported then
    null;
end $$;

-- The indexes of the live tables that those of `place` lack, the largest first: who makes them at once does best to
-- begin with what takes longest.
create function projector.missing_in_build(place text, tables text[]) returns setof text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform projector.check_build(place, tables);
    return query
        select live.relname::text
        from unnest(tables) of_table, pg_index join pg_class live on live.oid = indexrelid
        where indrelid = ('projector.' || of_table)::regclass and to_regclass(format('%I.%I', place, live.relname)) is null
        order by pg_relation_size(indexrelid) desc, live.relname;
end $$;

-- Makes one of them, under the same name: later migrations look for it.
create function projector.make_index_of_build(place text, name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    missing record;
begin
    perform projector.check_build(place, '{}');
    for missing in
        select pg_get_indexdef(indexrelid) as definition, of_table.relname::text as of_table
        from pg_index join pg_class live on live.oid = indexrelid join pg_class of_table on of_table.oid = indrelid
        where live.relnamespace = 'projector'::regnamespace and live.relname = name
          and to_regclass(format('%I.%I', place, live.relname)) is null
    loop
        perform projector.check_build(place, array[missing.of_table]);
        execute replace(missing.definition, ' ON projector.', format(' ON %I.', place));
    end loop;
end $$;

-- Indexes that nobody has made yet, then the keys and extended statistics of the live table that the other one lacks. Columns
-- have no statistics where the live ones have none, which LIKE forgot.
create or replace function projector.index_build(place text, name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    missing record;
    column_name text;
begin
    perform projector.make_index_of_build(place, missing_in_build) from projector.missing_in_build(place, array[name]);
    for missing in
        select conname, case contype when 'p' then 'primary key' else 'unique' end as kind from pg_constraint live
        where conrelid = ('projector.' || name)::regclass and contype in ('p', 'u')
          and not exists (select from pg_constraint
                          where conrelid = (place || '.' || name)::regclass and conname = live.conname)
    loop
        execute format('alter table %I.%I add constraint %I %s using index %I',
                       place, name, missing.conname, missing.kind, missing.conname);
    end loop;
    for missing in
        select pg_get_statisticsobjdef(oid) as definition from pg_statistic_ext live
        where stxrelid = ('projector.' || name)::regclass
          and not exists (select from pg_statistic_ext
                          where stxnamespace = place::regnamespace and stxname = live.stxname)
    loop
        execute replace(missing.definition, ' projector.', format(' %I.', place));
    end loop;
    for column_name in
        select attname from pg_attribute
        where attrelid = ('projector.' || name)::regclass and attnum > 0 and not attisdropped and attstattarget = 0
    loop
        execute format('alter table %I.%I alter %I set statistics 0', place, name, column_name);
    end loop;
    execute format('analyze %I.%I', place, name);
end $$;

do $$
declare
    ours regprocedure;
begin
    foreach ours in array array['projector.missing_in_build(text, text[])', 'projector.make_index_of_build(text, text)'] loop
        execute format('revoke execute on function %s from public', ours);
        if exists (select from pg_roles where rolname = 'hub_services') then
            execute format('grant execute on function %s to hub_services', ours);
        end if;
    end loop;
end $$;
