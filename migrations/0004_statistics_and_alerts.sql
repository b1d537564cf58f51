-- Statistics of finished days, profiles of workflow types, and alerts.

-- What the runs that started on one finished day come to, read instead of them. A day is in `statistic_days` once it
-- was summed up, and is summed up again after an entry in `statistic_marks`. Who reads passes over days that have a
-- mark, and counts their runs instead.
create table statistics (
    day           date not null,
    namespace     text collate "C" not null,
    tenant        text collate "C" not null,
    environment   text collate "C" not null,
    workflow_type text collate "C" not null,
    task_queue    text collate "C" not null,
    status        text collate "C" not null,
    runs          bigint not null,
    seconds       double precision not null,
    first_start   timestamptz not null,
    last_start    timestamptz not null,
    buckets       smallint[] not null,
    counts        integer[] not null,
    primary key (day, tenant, environment, workflow_type, namespace, task_queue, status)
);

comment on column statistics.day is 'in UTC, of the start';
comment on column statistics.seconds is 'from start to close, all closed runs together';
comment on column statistics.buckets is 'of the histogram of durations: bucket b ends at 1.02^b milliseconds';
comment on column statistics.counts is 'the closed runs in each of the buckets';

-- The same over all tenants, environments and task queues, for those who see every tenant.
create table type_statistics (
    day           date not null,
    namespace     text collate "C" not null,
    workflow_type text collate "C" not null,
    status        text collate "C" not null,
    runs          bigint not null,
    seconds       double precision not null,
    first_start   timestamptz not null,
    last_start    timestamptz not null,
    buckets       smallint[] not null,
    counts        integer[] not null,
    primary key (day, workflow_type, namespace, status)
);

create table statistic_days (
    day         date primary key,
    computed_at timestamptz not null default now()
);

-- Entries are never updated, so that writers do not wait for each other.
create table statistic_marks (
    position bigint generated always as identity primary key,
    day      date not null
);

create index statistic_marks_by_day on statistic_marks (day);

-- A day's marks begin when it ends. It is summed up some minutes later, when no write that began before is left.
create function mark_inserted() returns trigger language plpgsql as $$
begin
    insert into statistic_marks (day)
    select distinct (start_time at time zone 'UTC')::date from written
    where start_time < date_trunc('day', now(), 'UTC');
    return null;
end
$$;

create function mark_updated() returns trigger language plpgsql as $$
begin
    insert into statistic_marks (day)
    select distinct (each at time zone 'UTC')::date from unnest(array[old.start_time, new.start_time]) as each;
    return null;
end
$$;

create trigger executions_inserted after insert on executions
    referencing new table as written for each statement execute function mark_inserted();
-- By row, unlike the others: most updates change nothing that counts, or runs of today.
create trigger executions_updated after update on executions for each row
    when (least(old.start_time, new.start_time) < date_trunc('day', now(), 'UTC')
        and (old.status, old.start_time, old.close_time, old.tenant, old.environment, old.workflow_type, old.task_queue)
            is distinct from (new.status, new.start_time, new.close_time, new.tenant, new.environment,
                new.workflow_type, new.task_queue))
    execute function mark_updated();
create trigger executions_deleted after delete on executions
    referencing old table as written for each statement execute function mark_inserted();

-- What statistics read of the days that are not summed up.
create index executions_counted on executions (start_time)
    include (namespace, tenant, environment, workflow_type, task_queue, status, duration);
-- The last completed runs of a type, for its profile; and which types had some since.
create index executions_completed on executions (namespace, tenant, environment, workflow_type, close_time desc)
    where status = 'COMPLETED';
create index executions_archived on executions (archived_at) where archived_at is not null;

-- The last activities of a type, whoever's they are.
create index activities_of_type on activities (workflow_type, scheduled_time desc);

create table profiles (
    namespace     text collate "C" not null,
    tenant        text collate "C" not null,
    environment   text collate "C" not null,
    workflow_type text collate "C" not null,
    runs          integer not null,
    p50           double precision not null,
    p90           double precision not null,
    activities    double precision not null,
    steps         jsonb not null default '[]',
    updated_at    timestamptz not null default now(),
    primary key (namespace, tenant, environment, workflow_type)
);

comment on column profiles.p50 is 'seconds from start to close';

-- One row: up to where archived runs have gone into profiles.
create table profiled (
    only_row boolean primary key default true check (only_row),
    until    timestamptz not null
);

create table alerts (
    id          bigint generated always as identity primary key,
    rule        text collate "C" not null,
    subject     text collate "C" not null,
    kind        text collate "C" not null,
    severity    text collate "C" not null,
    tenant      text collate "C",
    environment text collate "C",
    namespace   text collate "C",
    workflow_id text collate "C",
    run_id      text collate "C",
    name        text collate "C" not null,
    message     text not null,
    value       double precision not null,
    threshold   double precision not null,
    raised_at   timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    resolved_at timestamptz
);

comment on column alerts.subject is 'what the rule holds against, exactly: the key of an alert within its rule';
comment on column alerts.tenant is 'null: of the platform, for those who see every tenant';
comment on column alerts.name is 'the workflow type, workflow id, task queue or namespace that it is about';

create unique index alerts_open on alerts (rule, subject) where resolved_at is null;
create index alerts_newest on alerts (raised_at desc, id desc);
create index alerts_by_scope on alerts (tenant, environment, raised_at desc, id desc);
