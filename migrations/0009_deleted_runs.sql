-- Runs that somebody deleted. Temporal goes on showing a closed one until it has come to deleting it, which can take
-- minutes; until then it must not come back into the index.

create table deleted_executions (
    namespace text not null,
    workflow_id text not null,
    run_id text not null,
    deleted_at timestamptz not null default now(),
    primary key (namespace, workflow_id, run_id)
);

create index deleted_executions_by_age on deleted_executions (deleted_at);
