-- Activities of archived runs, archived histories in chunks, relations of chains, and what is set per tenant.

-- One row an activity of an archived run, for statistics: what the projection in `archive` says, in columns.
create table activities (
    namespace          text collate "C" not null,
    workflow_id        text collate "C" not null,
    run_id             text collate "C" not null,
    scheduled_event_id bigint not null,
    tenant             text collate "C" not null,
    environment        text collate "C" not null,
    workflow_type      text collate "C" not null,
    activity_id        text collate "C" not null,
    activity_type      text collate "C" not null,
    status             text collate "C" not null,
    attempt            integer not null,
    is_local           boolean not null,
    task_queue         text collate "C",
    scheduled_time     timestamptz not null,
    start_time         timestamptz,
    close_time         timestamptz,
    queue_ms           double precision,
    duration_ms        double precision,
    failure_type       text,
    failure_message    text,
    primary key (namespace, workflow_id, run_id, scheduled_event_id)
);

comment on column activities.scheduled_event_id is 'of a local activity, the event of its marker';
comment on column activities.queue_ms is 'from schedule to start; null once it was retried, when Temporal no longer knows';
comment on column activities.duration_ms is 'from start, or schedule where it was retried, to close; null while open';
comment on column activities.failure_type is 'the application''s error type, or which timeout it was';

create index activities_by_type on activities (tenant, environment, workflow_type, scheduled_time);

-- A history in pieces, so that a page of it costs what the page holds. Each piece is a compressed History message.
create table archive_events (
    namespace      text collate "C" not null,
    workflow_id    text collate "C" not null,
    run_id         text collate "C" not null,
    first_event_id bigint not null,
    last_event_id  bigint not null,
    events         bytea not null,
    primary key (namespace, workflow_id, run_id, first_event_id)
);

alter table archive_events alter column events set storage external;

insert into archive_events (namespace, workflow_id, run_id, first_event_id, last_event_id, events)
select namespace, workflow_id, run_id, 1, events, history from archive;

alter table archive drop column history;

-- Which projections an older version folded.
create index archive_outdated on archive (projector_version);

-- A run that is still open does not know who continues it, and one that began does not know it before its history
-- is read: each end of a link is found by the other.
create index executions_by_previous on executions (namespace, workflow_id, previous_run_id)
    where previous_run_id is not null;
create index executions_by_next on executions (namespace, workflow_id, next_run_id)
    where next_run_id is not null;

-- What is set for a tenant; a tenant without a row has the defaults.
create table tenants (
    tenant                 text collate "C" primary key,
    archive_retention_days double precision check (archive_retention_days > 0),
    updated_at             timestamptz not null default now()
);

comment on column tenants.archive_retention_days is 'closed runs older than this are forgotten; infinity: never; null: as the setting says';

-- What retention prunes, in its order.
create index executions_closed on executions (tenant, close_time) where close_time is not null;
