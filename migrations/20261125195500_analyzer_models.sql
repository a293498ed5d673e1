-- Models that were promoted, so that every analyzer finds the one the log names. The log holds the decision
-- (ModelPromoted), this table what is too large for an event.
create schema analyzer;

create table analyzer.models (
    sha256     text        primary key, -- of the weights; the name in ModelPromoted
    name       text        not null,
    revision   text        not null,
    manifest   bytea       not null, -- heads.json
    weights    bytea       not null, -- heads.safetensors
    created_at timestamptz not null default now()
);
