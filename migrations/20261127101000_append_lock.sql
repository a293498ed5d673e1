-- The head of the log was a row that every append updated. As long as any transaction holds an old snapshot (a dump, a report),
-- none of the row's old versions can go, and each append walked through all of them: after 80,000 appends 380 pages. Now the row
-- is only locked, which makes no version, and where the log ends is what its own index says.
alter table log.head rename to append_lock;
alter table log.append_lock drop column position;

create view log.head as select coalesce(max(position), 0) as position from log.events;
revoke insert, update, delete on log.head from hub_services;

-- Of processes that were started before appends were one of two functions.
drop function log.append;

create or replace function log.append_plain(
    c_stream text[], c_expected integer[],
    e_stream text[], e_version integer[], e_id uuid[], e_type text[], e_data text[], e_metadata text[],
    i_key text[], i_hash bytea[], i_stream text[], i_event integer[], i_version integer[],
    k_requester text[], k_wrapped bytea[], k_master text[]
) returns table (first_position bigint, recorded timestamptz)
language plpgsql security definer
set search_path = log, pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
    made bigint;
begin
    -- The checks come before the head is locked: what they miss, the unique constraints refuse.
    if cardinality(k_requester) > 0 then
        insert into personal.requester_keys (requester_id, wrapped, master_id)
        select k.requester, k.wrapped, k.master
        from unnest(k_requester, k_wrapped, k_master) k(requester, wrapped, master)
        where k.master = (select h.master_id from personal.hash_key h)
        order by k.requester -- so that two batches never wait for each other
        on conflict do nothing;
        get diagnostics made = row_count;
        if made < cardinality(k_requester) and exists (
            select from unnest(k_requester, k_wrapped) k(requester, wrapped)
            left join personal.requester_keys r on r.requester_id = k.requester
            where r.wrapped is distinct from k.wrapped) then
            return;
        end if;
    end if;
    if 0 < any (c_expected) and exists (
        select from unnest(c_stream, c_expected) c(stream, expected)
        where c.expected > 0
          and not exists (select from log.events e where e.stream_id = c.stream and e.version = c.expected)) then
        return;
    end if;
    if cardinality(i_key) > 0 and exists (select from log.idempotency_keys r where r.key = any (i_key)) then
        return;
    end if;

    -- From here to the commit nobody else draws positions.
    perform from log.append_lock for update;
    select h.position + 1 into first_position from log.head h;
    recorded := clock_timestamp();
    insert into log.events (position, stream_id, version, event_id, type, data, metadata, recorded_at)
    select first_position + e.no - 1, e.stream, e.version, e.id, e.type, e.data, e.metadata, recorded
    from unnest(e_stream, e_version, e_id, e_type, e_data, e_metadata)
         with ordinality e(stream, version, id, type, data, metadata, no);
    if cardinality(i_key) > 0 then
        insert into log.idempotency_keys (key, body_hash, stream_id, position, version, created_at)
        select i.key, i.hash, i.stream, first_position + i.event - 1, i.version, recorded
        from unnest(i_key, i_hash, i_stream, i_event, i_version) i(key, hash, stream, event, version);
    end if;
    return next;
end $$;


create or replace function log.append_batch(
    c_stream text[], c_expected integer[],
    e_command integer[], e_stream text[], e_version integer[], e_id uuid[], e_type text[], e_data text[],
    e_metadata text[],
    i_command integer[], i_key text[], i_hash bytea[],
    k_command integer[], k_requester text[], k_wrapped bytea[], k_master text[]
) returns table (
    command integer,
    outcome text,        -- appended | conflict | duplicate | replayed | key_reused | other_key
    stream text,         -- differs from the command's where an idempotency key is replayed
    first_position bigint,
    version integer,     -- of the stream afterwards; of a conflict: the version found
    recorded timestamptz,
    wrapped bytea        -- of other_key: the key that the requester has; null where the master key is another now
) language plpgsql security definer set search_path = log, pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    head bigint;
    now_ timestamptz;
begin
    -- Before the head is locked: who waits here for another transaction's key holds up nobody.
    insert into personal.requester_keys (requester_id, wrapped, master_id)
    select k.requester, k.wrapped, k.master
    from unnest(k_requester, k_wrapped, k_master) k(requester, wrapped, master)
    where k.master = (select h.master_id from personal.hash_key h)
    order by k.requester
    on conflict do nothing;

    -- From here to the commit nobody else draws positions. Later statements of this function take fresh snapshots
    -- (read committed), so they see everything committed before the lock was granted.
    perform from log.append_lock for update;
    select h.position into head from log.head h;
    now_ := clock_timestamp();

    return query
    with asked as (
        select c.no::integer, c.stream, c.expected,
               coalesce((select max(e.version) from log.events e where e.stream_id = c.stream), 0) as found
        from unnest(c_stream, c_expected) with ordinality c(stream, expected, no)
    ),
    event as (
        select e.no, e.command, e.id, e.type, e.data, e.metadata
        from unnest(e_command, e_id, e_type, e_data, e_metadata)
             with ordinality e(command, id, type, data, metadata, no)
    ),
    idempotency as (
        select i.command, i.key, i.hash from unnest(i_command, i_key, i_hash) i(command, key, hash)
    ),
    known as ( -- events that an earlier attempt already appended
        select e.command, min(x.position) as position, max(x.version) as version, min(x.recorded_at) as recorded_at
        from event e join log.events x on x.event_id = e.id
        group by e.command
    ),
    sealed_otherwise as ( -- under a key that is not the one the requester has
        select k.command, r.wrapped
        from unnest(k_command, k_requester, k_wrapped) k(command, requester, wrapped)
        left join personal.requester_keys r on r.requester_id = k.requester
        where r.wrapped is distinct from k.wrapped
    ),
    judged as (
        select a.*, i.key, i.hash, s.wrapped,
               case
                   when r.key is not null and r.body_hash = i.hash then 'replayed'
                   when r.key is not null then 'key_reused'
                   when k.command is not null then 'duplicate'
                   when s.command is not null then 'other_key'
                   when a.expected <> a.found then 'conflict'
                   else 'appended'
               end as verdict,
               coalesce(r.stream_id, a.stream) as answer_stream,
               coalesce(r.position, k.position) as known_position,
               coalesce(r.version, k.version, a.found) as known_version,
               coalesce(r.created_at, k.recorded_at) as known_time
        from asked a
        left join idempotency i on i.command = a.no
        left join log.idempotency_keys r on r.key = i.key
        left join known k on k.command = a.no
        left join sealed_otherwise s on s.command = a.no
    ),
    numbered as (
        select head + row_number() over (order by e.no) as position,
               j.no as command, j.stream,
               (j.found + row_number() over (partition by j.no order by e.no))::integer as version,
               e.id, e.type, e.data, e.metadata
        from event e join judged j on j.no = e.command
        where j.verdict = 'appended'
    ),
    inserted as (
        insert into log.events (position, stream_id, version, event_id, type, data, metadata, recorded_at)
        select n.position, n.stream, n.version, n.id, n.type, n.data, n.metadata, now_ from numbered n
    ),
    placed as (
        select n.command, min(n.position) as first, max(n.version) as version from numbered n group by n.command
    ),
    remembered as (
        insert into log.idempotency_keys (key, body_hash, stream_id, position, version, created_at)
        select j.key, j.hash, j.stream, p.first, p.version, now_
        from judged j join placed p on p.command = j.no
        where j.key is not null
    )
    select j.no, j.verdict, j.answer_stream,
           coalesce(p.first, j.known_position), coalesce(p.version, j.known_version), coalesce(j.known_time, now_),
           case when j.verdict = 'other_key' then j.wrapped end
    from judged j left join placed p on p.command = j.no
    order by j.no;
end $$;

-- Remembers what a request was answered that changed nothing, so that asking again later changes nothing either. Answers with what
-- counts: somebody else may have been faster.
create function log.remember_answer(
    asked_key text, asked_hash bytea, asked_stream text, asked_position bigint, asked_version integer
) returns setof log.idempotency_keys
language plpgsql security definer set search_path = log, pg_catalog, pg_temp as $$
begin
    insert into log.idempotency_keys (key, body_hash, stream_id, position, version, created_at)
    values (asked_key, asked_hash, asked_stream, asked_position, asked_version, clock_timestamp())
    on conflict do nothing;
    return query select * from log.idempotency_keys k where k.key = asked_key;
end $$;

revoke execute on function log.remember_answer from public;
grant execute on function log.remember_answer to hub_services;
