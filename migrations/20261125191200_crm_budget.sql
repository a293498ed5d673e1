-- Calls made on each day of the account, by purpose. Zoho tells nobody how many are left; a restart must not forget.
create table crm.calls (
    sink    text    not null,
    day     date    not null, -- of the account, in its time zone
    purpose text    not null,
    calls   integer not null,
    primary key (sink, day, purpose)
);

-- The bucket of calls per minute.
alter table crm.lane
    add column bucket_calls integer not null default 1,
    add column bucket_at    timestamptz,
    -- When Zoho last said that the day's calls are used up: others use the account too.
    add column exhausted_at timestamptz;

-- The access token, shared by all processes and encrypted with a key that is not in the database.
create table crm.oauth_token (
    provider    text          primary key,
    fingerprint bytea         not null, -- of the credentials: others begin anew
    generation  bigint        not null default 0, -- grows with every token
    ciphertext  bytea,
    use_until   timestamptz,
    -- When tokens were asked for within the last ten minutes, and when the next may be.
    asked       timestamptz[] not null default '{}',
    next_at     timestamptz,
    stopped     text -- Accounts refuses the credentials: nobody asks again until they change
);
