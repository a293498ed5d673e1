-- Services sign in as members of a role that may do their work and nothing else. Whoever runs the migrations owns the
-- tables, and is the only one who could ever switch the triggers of the log off: no service is.
--
-- The role is the cluster's, not the database's, so it may be there already; where the owner may not create roles, an
-- administrator creates it beforehand.
do $$ begin
    if not exists (select from pg_roles where rolname = 'hub_services') then
        create role hub_services nologin;
    end if;
exception when duplicate_object or unique_violation then null; -- another database's migration was faster
end $$;

-- What is here already. Truncating is for read models, which are emptied and filled again.
do $$
declare
    ours text;
begin
    for ours in
        select nspname from pg_namespace where nspowner = current_user::regrole and nspname !~ '^(pg_|information_schema$|public$)'
    loop
        execute format('grant usage on schema %I to hub_services', ours);
        execute format('grant select, insert, update, delete on all tables in schema %I to hub_services', ours);
        execute format('grant usage, select on all sequences in schema %I to hub_services', ours);
    end loop;
    if to_regclass('public._sqlx_migrations') is not null then
        grant select on public._sqlx_migrations to hub_services; -- services wait until the schema is theirs
    end if;
end $$;
grant truncate on all tables in schema projector to hub_services;

-- What later migrations of the same owner make. A new table of schema log must take the writing back, as below.
alter default privileges grant usage on schemas to hub_services;
alter default privileges grant select, insert, update, delete on tables to hub_services;
alter default privileges grant usage, select on sequences to hub_services;
alter default privileges in schema projector grant truncate on tables to hub_services;

-- The log: services read it, and append through the one function that numbers, checks and remembers. They cannot write
-- a row, lock the head, or change what a key was answered.
revoke insert, update, delete, truncate on all tables in schema log from hub_services;
do $$
declare
    appends regprocedure;
begin
    for appends in select oid from pg_proc where proname = 'append' and pronamespace = 'log'::regnamespace
    loop
        -- A fixed search path: with the owner's rights, a name must not be found in a schema of the caller's choice.
        execute format('alter function %s security definer', appends);
        execute format('alter function %s set search_path = log, pg_catalog, pg_temp', appends);
        execute format('revoke execute on function %s from public', appends);
        execute format('grant execute on function %s to hub_services', appends);
    end loop;
end $$;

-- A session that falls silent inside a transaction holds what it locked, the head of the log at worst. Services ask for
-- less; this is for everybody else who forgets a transaction.
do $$ begin
    execute format('alter database %I set idle_in_transaction_session_timeout = ''30s''', current_database());
end $$;
