-- What a tenant is: its environments, what it may use, who administers it, and which run has made it.

alter table tenants
    add column status                text collate "C" not null default 'ACTIVE'
        check (status in ('PROVISIONING', 'ACTIVE', 'SUSPENDED')),
    add column status_reason         text,
    add column display_name          text,
    add column company_name          text,
    add column plan                  text collate "C",
    add column roles                 text[],
    add column default_environment   text collate "C",
    add column task_queue            text collate "C",
    add column max_open_workflows    integer check (max_open_workflows > 0),
    add column max_starts_per_minute integer check (max_starts_per_minute > 0),
    add column max_subscriptions     integer check (max_subscriptions > 0),
    add column max_api_keys          integer check (max_api_keys > 0),
    add column administrator_name    text,
    add column administrator_email   text,
    add column administrator_key     uuid,
    add column created_by            text,
    add column created_at            timestamptz not null default now(),
    add column provisioned_by        text collate "C",
    add column provisioned_run       text collate "C";

comment on column tenants.status is 'only while it is ACTIVE its callers come in and its runs are started';
comment on column tenants.status_reason is 'why it is suspended';
comment on column tenants.roles is 'that its API keys may have; null: every one but PLATFORM';
comment on column tenants.default_environment is 'of callers that see all of its environments; null: as the setting says';
comment on column tenants.task_queue is 'of starts that name none, of types that are not registered';
comment on column tenants.max_open_workflows is 'null: any number; likewise the others';
comment on column tenants.administrator_key is 'of api_keys';
comment on column tenants.provisioned_by is 'the workflow id of the run that has made it; null: none has';
comment on column tenants.provisioned_run is 'the first run of that chain, so that no other run takes it for its own';

-- A tenant without any may use every environment.
create table tenant_environments (
    tenant      text collate "C" not null references tenants on delete cascade,
    environment text collate "C" not null,
    created_at  timestamptz not null default now(),
    primary key (tenant, environment)
);

-- API keys that nobody has seen yet, encrypted, until somebody takes them or their time is over.
create table hand_overs (
    id         uuid primary key default gen_random_uuid(),
    tenant     text collate "C" not null,
    key_id     uuid not null unique references api_keys on delete cascade,
    sealed     bytea,
    made_for   text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    taken_at   timestamptz,
    taken_by   text
);

comment on column hand_overs.sealed is 'the key, encrypted; null once it is taken or its time is over';
comment on column hand_overs.made_for is 'who asked for it';

create index hand_overs_open on hand_overs (expires_at) where sealed is not null;

-- Runs that have rolled back what they made: an attempt of theirs that comes late must make nothing.
create table undone_provisionings (
    provisioned_by  text collate "C" not null,
    provisioned_run text collate "C" not null,
    undone_at       timestamptz not null default now(),
    primary key (provisioned_by, provisioned_run)
);
