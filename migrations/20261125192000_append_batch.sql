-- Appends as log.append does, answering each command for itself, but takes what nothing speaks against in plain INSERTs:
-- the unique constraints say whether something does, and only then each command is judged. Keys of requesters who are
-- new come with the batch, because an INSERT and a commit of their own would cost as much as the append.
--
-- log.append stays for processes that were started before this migration.
--
-- Commands are the arrays c_*, one element each; events are the arrays e_*, in the order they shall be numbered. What only
-- some commands have points to them (from 1): e_command, i_command for idempotency keys, k_command for requesters' keys.
-- c_expected: null accepts any version, and so does e_version of its events. The caller keeps the batch free of two
-- commands for one stream or one idempotency key.
--
-- One row with command 0 says that everything was appended, in the order given, from first_position on.
--
-- A requester's new key counts only while the master key that wraps it is in use, so that a process that has not heard of
-- a replaced one is told. Services append with the owner's rights, for they have none of their own on the log's tables.
create function log.append_batch(
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
    made bigint;
    is_plain boolean := array_position(c_expected, null) is null;
begin
    if cardinality(k_command) > 0 then
        -- Before the head is locked: who waits here for another transaction's key holds up nobody. In one order, so
        -- that two batches never wait for each other.
        insert into personal.requester_keys (requester_id, wrapped, master_id)
        select k.requester, k.wrapped, k.master
        from unnest(k_requester, k_wrapped, k_master) k(requester, wrapped, master)
        where k.master = (select h.master_id from personal.hash_key h)
        order by k.requester
        on conflict do nothing;
        get diagnostics made = row_count;
        if made < cardinality(k_command) then
            -- Some have a key already, or are wrapped by another master key: is it the same one?
            is_plain := is_plain and not exists (
                select from unnest(k_requester, k_wrapped) k(requester, wrapped)
                left join personal.requester_keys r on r.requester_id = k.requester
                where r.wrapped is distinct from k.wrapped);
        end if;
    end if;

    -- From here to the commit nobody else draws positions. Later statements of this function take fresh snapshots
    -- (read committed), so they see everything committed before the lock was granted.
    select h.position into head from log.head h for update;
    now_ := clock_timestamp();

    -- What can be asked cheaply is asked before the INSERT: a failed one leaves dead rows behind.
    if is_plain and 0 < any (c_expected) then
        is_plain := not exists (
            select from unnest(c_stream, c_expected) c(stream, expected)
            where c.expected > 0
              and not exists (select from log.events e where e.stream_id = c.stream and e.version = c.expected));
    end if;
    if is_plain and cardinality(i_command) > 0 then
        is_plain := not exists (select from log.idempotency_keys r where r.key = any (i_key));
    end if;

    if is_plain then
        begin
            insert into log.events (position, stream_id, version, event_id, type, data, metadata, recorded_at)
            select head + e.no, e.stream, e.version, e.id, e.type, e.data, e.metadata, now_
            from unnest(e_stream, e_version, e_id, e_type, e_data, e_metadata)
                 with ordinality e(stream, version, id, type, data, metadata, no);
            if cardinality(i_command) > 0 then
                insert into log.idempotency_keys (key, body_hash, stream_id, position, version, created_at)
                select i.key, i.hash, p.stream, head + p.first, p.version, now_
                from unnest(i_command, i_key, i_hash) i(command, key, hash)
                join (select e.command, e.stream, min(e.no) as first, max(e.version) as version
                      from unnest(e_command, e_stream, e_version) with ordinality e(command, stream, version, no)
                      group by e.command, e.stream) p on p.command = i.command;
            end if;
            update log.head h set position = head + cardinality(e_id);
            return query select 0, 'appended', ''::text, head + 1, 0, now_, null::bytea;
            return;
        exception when unique_violation then
            -- A version or an event is in the log already: each command is judged, below.
        end;
    end if;

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
    moved as (
        update log.head h set position = head + (select count(*) from numbered)
        where exists (select from numbered)
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

revoke execute on function log.append_batch from public;
grant execute on function log.append_batch to hub_services;
