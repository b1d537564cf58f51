-- The index of runs, the log of its changes, the archive of closed histories, and the audit.
--
-- Identifiers are compared byte by byte (collate "C"): their order means nothing to people, and a prefix search
-- then uses an ordinary index. An index entry holds at most 2.7 kB; Temporal's ids hold at most 1 kB each.

create table executions (
    namespace          text collate "C" not null,
    workflow_id        text collate "C" not null,
    run_id             text collate "C" not null,
    workflow_type      text collate "C" not null,
    task_queue         text collate "C" not null,
    status             text collate "C" not null,
    start_time         timestamptz not null,
    tenant             text collate "C" not null,
    environment        text collate "C" not null,
    execution_time     timestamptz,
    close_time         timestamptz,
    history_length     bigint not null default 0,
    history_size_bytes bigint not null default 0,
    first_run_id       text collate "C",
    previous_run_id    text collate "C",
    next_run_id        text collate "C",
    parent_workflow_id text collate "C",
    parent_run_id      text collate "C",
    root_workflow_id   text collate "C",
    root_run_id        text collate "C",
    created_by         text,
    metadata           jsonb not null default '{}',
    memo               jsonb not null default '{}',
    search_attributes  jsonb not null default '{}',
    summary            text,
    details            text,
    failure_type       text,
    failure_message    text,
    duration           double precision generated always as (extract(epoch from close_time - start_time)) stored,
    archived_at        timestamptz,
    last_change        text collate "C" not null default 'STARTED',
    left_tenant        text collate "C",
    left_environment   text collate "C",
    primary key (namespace, workflow_id, run_id)
);

comment on column executions.duration is 'seconds from start to close';
comment on column executions.archived_at is 'when the history was archived; null while Temporal alone has it';
comment on column executions.last_change is 'what the last write did, for the entry in changes that goes with it';

comment on column executions.left_tenant is 'the tenant that the last write took the run from, else null';

create index executions_newest on executions (start_time desc, run_id desc);
create index executions_by_scope on executions (tenant, environment, start_time desc, run_id desc);
create index executions_by_type on executions (tenant, environment, workflow_type, start_time desc, run_id desc);
create index executions_by_status on executions (tenant, environment, status, start_time desc, run_id desc);
create index executions_by_queue on executions (tenant, environment, task_queue, start_time desc, run_id desc);
create index executions_by_id on executions (workflow_id, start_time desc);
create index executions_by_run on executions (run_id);
create index executions_by_parent on executions (namespace, parent_workflow_id, parent_run_id)
    where parent_workflow_id is not null;
create index executions_by_chain on executions (namespace, first_run_id) where first_run_id is not null;
create index executions_by_metadata on executions using gin (metadata jsonb_path_ops);
create index executions_open on executions (namespace, start_time) where status in ('RUNNING', 'PAUSED');
create index executions_unarchived on executions (close_time desc)
    where archived_at is null and status not in ('RUNNING', 'PAUSED');

-- The log of the lists. Readers go by (xid, position), up to the oldest transaction that may still write.
create table changes (
    xid         xid8 not null default pg_current_xact_id(),
    position    bigint generated always as identity,
    tenant      text collate "C" not null,
    environment text collate "C" not null,
    namespace   text collate "C" not null,
    workflow_id text collate "C" not null,
    run_id      text collate "C" not null,
    kind        text collate "C" not null,
    at          timestamptz not null default now(),
    primary key (xid, position)
);

create index changes_by_time on changes using brin (at);

-- One row: the newest entry that has been cut from `changes`.
create table changes_cut (
    only_row boolean primary key default true check (only_row),
    xid      xid8 not null,
    position bigint not null
);

create table archive (
    namespace         text collate "C" not null,
    workflow_id       text collate "C" not null,
    run_id            text collate "C" not null,
    projector_version integer not null,
    projection        bytea not null,
    history           bytea not null,
    events            bigint not null,
    archived_at       timestamptz not null default now(),
    primary key (namespace, workflow_id, run_id)
);

-- Both come compressed.
alter table archive alter column projection set storage external;
alter table archive alter column history set storage external;

create table audit (
    position    bigint generated always as identity primary key,
    at          timestamptz not null default now(),
    identity    text not null,
    action      text not null,
    namespace   text,
    workflow_id text,
    run_id      text,
    tenant      text,
    environment text,
    outcome     text not null,
    request_id  text,
    detail      jsonb not null default '{}'
);

create index audit_newest on audit (at desc, position desc);
create index audit_by_workflow on audit (namespace, workflow_id, at desc);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is append-only';
end
$$;

create trigger audit_is_append_only before update or delete on audit
    for each row execute function refuse_change();

-- How far the index follows each namespace.
create table watermarks (
    namespace  text collate "C" primary key,
    seen_until timestamptz,
    updated_at timestamptz not null default now()
);

comment on column watermarks.seen_until is 'every start and close before this moment of Temporal''s clock is indexed';
comment on column watermarks.updated_at is 'when the index was last known to be up to date';
