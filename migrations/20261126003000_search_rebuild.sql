-- The words of tickets are made anew beside the live ones like every other read model.

-- Words as written, with the stems of this language and no other: those as written have places, stems have none.
create function projector.with_stems(language text, words tsvector) returns tsvector
language sql immutable parallel safe as $$
    select written || projector.stems(language, written)
    from ts_delete(words, array(select lexeme from unnest(words) where positions is null)) written
$$;

create or replace function projector.check_build(place text, tables text[]) returns void language plpgsql as $$
declare
    name text;
begin
    if place not in ('projector_next', 'projector_shadow', 'projector_previous') then
        raise exception 'no read model is made in schema %', place using errcode = 'invalid_parameter_value';
    end if;
    foreach name in array tables loop
        if name not in ('tickets', 'timeline', 'statistics', 'requesters', 'embeddings', 'search') then
            raise exception 'no projection has a table %', name using errcode = 'invalid_parameter_value';
        end if;
    end loop;
end $$;

create or replace function projector.drop_build(place text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform projector.check_build(place, '{}');
    execute format('drop table if exists %I.tickets, %I.timeline, %I.statistics, %I.requesters, %I.embeddings, %I.search',
                   place, place, place, place, place, place);
    perform projector.drop_build_parts(place);
end $$;
