-- The nearest neighbours of a ticket by an index of pgvector, where the server has it. The index stands on the embeddings
-- as they are: no column, no table and no digest of the read model depends on it, and it goes where its rows go, into a
-- rebuild and out of an erasure. Without it everything is answered too (projector/src/queries/similar.rs).

-- Makes what the index is made of, once: the extension, and embeddings as its type. `hubctl migrate` asks for it after
-- every migration (crates/event-store/src/vector_index.rs). Returns why there can be none; null = there can.
create function projector.offer_vectors() returns text language plpgsql as $$
declare
    home text;
    steps text;
begin
    if not exists (select from pg_available_extensions where name = 'vector') then
        return 'the server has no pgvector';
    end if;
    begin
        create extension if not exists vector schema public;
    exception when insufficient_privilege then
        return 'pgvector is there, but may not be created: let an administrator run `create extension vector`';
    end;
    if not exists (select from pg_am where amname = 'hnsw') then
        return 'pgvector is older than 0.5 and has no index that stays good while rows come';
    end if;
    select nspname into home from pg_extension join pg_namespace space on space.oid = extnamespace where extname = 'vector';
    -- Written out: a loop in SQL would take ten times as long. A byte is signed: 255 is -1.
    select string_agg(format('(get_byte(steps, %s) # 128) - 128', n), ', ' order by n) into steps from generate_series(0, 383) n;
    execute format('create or replace function projector.vector_of(steps bytea) returns %I.vector
                    language plpgsql immutable strict parallel safe cost 1000
                    as $f$ begin return array[%s]::%1$I.vector; end $f$', home, steps);
    return null;
end $$;
revoke execute on function projector.offer_vectors() from public;

-- The statement that makes the index, to be run outside a transaction: the live table is written meanwhile.
create function projector.vector_index_statement() returns text language sql stable as $$
    select format('create index concurrently if not exists embeddings_nearest on projector.embeddings
                   using hnsw ((projector.vector_of(steps)::%I.vector(384)) %1$I.vector_cosine_ops)
                   where octet_length(steps) = 384', nspname)
    from pg_extension join pg_namespace space on space.oid = extnamespace where extname = 'vector'
$$;

-- The tickets before `before` whose embeddings lie nearest to `this`, by the index; none where there is no such index.
-- What they are is late bound: after a rebuild other tables have these names.
create function projector.nearest(its_space text, before bigint, this bytea, most integer)
returns table (number bigint, created_at timestamptz, steps bytea) language plpgsql stable as $$
declare
    home text;
begin
    select nspname into home
    from pg_index
    join pg_extension on extname = 'vector'
    join pg_namespace space on space.oid = extnamespace
    where indexrelid = to_regclass('projector.embeddings_nearest') and indisvalid;
    if home is null or octet_length(this) <> 384 then
        return;
    end if;
    return query execute format(
        'select e.number, e.created_at, e.steps from projector.embeddings e
         where e.space = $1 and e.number < $2 and octet_length(e.steps) = 384
         order by (projector.vector_of(e.steps)::%1$I.vector(384)) operator(%1$I.<=>)
                  (projector.vector_of($3)::%1$I.vector(384)) limit $4', home)
    using its_space, before, this, most;
end $$;
