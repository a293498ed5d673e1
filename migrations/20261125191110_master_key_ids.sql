-- Which master key wraps what, so that it can be replaced while everything runs. An id is a fingerprint that gives
-- nothing away. Null: wrapped before there were ids; whoever opens it next finds out.
alter table personal.requester_keys add column master_id text;

-- That of the hash key is the one in use: new keys are wrapped by it, and a process that still wraps by another one is
-- refused until it has looked into its key file again.
alter table personal.hash_key add column master_id text;
