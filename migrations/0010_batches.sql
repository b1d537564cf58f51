-- One act on every run that a filter found, done by a durable workflow at a chosen rate.

create table batches (
    job_id      uuid primary key,
    tenant      text collate "C",
    environment text collate "C",
    namespace   text collate "C" not null,
    mutation    text not null,
    arguments   jsonb not null,
    filter      jsonb not null,
    requester   jsonb not null,
    rate        double precision not null,
    state       text not null default 'RUNNING',
    problem     text,
    total       integer not null default 0,
    completed   integer not null default 0,
    failed      integer not null default 0,
    skipped     integer not null default 0,
    started_at  timestamptz not null default now(),
    closed_at   timestamptz
);

comment on column batches.tenant is 'that it is confined to; null for every one, which is for overseers alone';
comment on column batches.namespace is 'where the workflow runs that does it';
comment on column batches.mutation is 'the root field, such as terminateWorkflows';
comment on column batches.requester is 'who asked for it, in whose name each run is acted on';
comment on column batches.rate is 'runs a second';
comment on column batches.problem is 'why it has failed as a whole';

create index batches_by_scope on batches (tenant, environment, started_at desc, job_id desc);
create index batches_by_start on batches (started_at desc, job_id desc);

-- The runs that matched when it began, in the order of the list.
create table batch_items (
    job_id      uuid not null references batches on delete cascade,
    place       integer not null,
    namespace   text collate "C" not null,
    workflow_id text collate "C" not null,
    run_id      text collate "C" not null,
    state       text not null default 'WAITING',
    code        text,
    message     text,
    primary key (job_id, place)
);

comment on column batch_items.state is
    'WAITING; DUE once its turn has come; DONE, FAILED, or SKIPPED where it did not match any more at its turn';

create index batch_items_open on batch_items (job_id, state, place) where state in ('WAITING', 'DUE', 'FAILED');
