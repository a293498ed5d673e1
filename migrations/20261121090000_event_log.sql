-- The event log: the one place where facts are kept. Everything else can be rebuilt from it.
create schema log;

create table log.events (
    -- Gapless and equal to commit order: numbered while the log head is locked, never by a sequence.
    position    bigint      primary key,
    stream_id   text        not null,
    version     integer     not null check (version > 0),
    event_id    uuid        not null,
    type        text        not null,
    -- Exact bytes, not jsonb: they are what is hashed and published, and text costs half the insert's CPU.
    data        text        not null,
    metadata    text        not null,
    recorded_at timestamptz not null,
    constraint events_stream_version unique (stream_id, version),
    constraint events_event_id unique (event_id)
);

-- One row. Whoever appends locks it first, so positions are drawn and committed in one order.
create table log.head (
    only_row boolean primary key default true check (only_row),
    position bigint  not null
) with (fillfactor = 50); -- updated by every batch: room for HOT updates
insert into log.head (position) values (0);

-- What a client asked for once under a key, so that asking again changes nothing.
create table log.idempotency_keys (
    key        text        primary key check (length(key) <= 255),
    body_hash  bytea       not null,
    stream_id  text        not null,
    position   bigint      not null,
    version    integer     not null,
    created_at timestamptz not null
);

create function log.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the event log is append-only' using errcode = 'restrict_violation';
end $$;

create trigger events_are_append_only
    before update or delete or truncate on log.events
    for each statement execute function log.refuse_change();

-- Appends a batch of commands in one statement and answers for each command on its own: a conflict or a duplicate
-- fails that command and no other. The caller keeps the batch free of two commands for one stream or one key.
--
-- Commands are the arrays c_*, one element each; events are the arrays e_*, e_command pointing to a command (from 1),
-- in the order they shall be numbered. c_expected: null accepts any version.
create function log.append(
    c_stream text[], c_expected integer[], c_key text[], c_hash bytea[],
    e_command integer[], e_id uuid[], e_type text[], e_data text[], e_metadata text[]
) returns table (
    command integer,
    outcome text,        -- appended | conflict | duplicate | replayed | key_reused
    stream text,         -- differs from the command's where an idempotency key is replayed
    first_position bigint,
    version integer,     -- of the stream afterwards; of a conflict: the version found
    recorded timestamptz
) language plpgsql as $$
declare
    head bigint;
    now_ timestamptz;
begin
    -- From here to the commit nobody else draws positions. Later statements of this function take fresh snapshots
    -- (read committed), so they see everything committed before the lock was granted.
    select h.position into head from log.head h for update;
    now_ := clock_timestamp();

    return query
    with asked as (
        select c.no::integer, c.stream, c.expected, c.key, c.hash,
               coalesce((select max(e.version) from log.events e where e.stream_id = c.stream), 0) as found
        from unnest(c_stream, c_expected, c_key, c_hash) with ordinality c(stream, expected, key, hash, no)
    ),
    event as (
        select e.no, e.command, e.id, e.type, e.data, e.metadata
        from unnest(e_command, e_id, e_type, e_data, e_metadata)
             with ordinality e(command, id, type, data, metadata, no)
    ),
    known as ( -- events that an earlier attempt already appended
        select e.command, min(x.position) as position, max(x.version) as version, min(x.recorded_at) as recorded_at
        from event e join log.events x on x.event_id = e.id
        group by e.command
    ),
    judged as (
        select a.*,
               case
                   when r.key is not null and r.body_hash = a.hash then 'replayed'
                   when r.key is not null then 'key_reused'
                   when k.command is not null then 'duplicate'
                   when a.expected <> a.found then 'conflict'
                   else 'appended'
               end as verdict,
               coalesce(r.stream_id, a.stream) as answer_stream,
               coalesce(r.position, k.position) as known_position,
               coalesce(r.version, k.version, a.found) as known_version,
               coalesce(r.created_at, k.recorded_at) as known_time
        from asked a
        left join log.idempotency_keys r on r.key = a.key
        left join known k on k.command = a.no
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
           coalesce(p.first, j.known_position), coalesce(p.version, j.known_version), coalesce(j.known_time, now_)
    from judged j left join placed p on p.command = j.no
    order by j.no;
end $$;
