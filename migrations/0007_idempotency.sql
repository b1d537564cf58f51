-- Requests that may be repeated, and what the audit needs to tell each act with its outcome.

-- One row a key of a tenant: what was asked with it, under which request id Temporal was told, and what came of it.
create table idempotency (
    tenant       text collate "C" not null,
    environment  text collate "C" not null,
    key          text collate "C" not null,
    mutation     text not null,
    digest       bytea not null,
    request_id   uuid not null,
    plan         jsonb not null,
    outcome      jsonb,
    credited     boolean not null default false,
    attempts     integer not null default 1,
    holder       uuid not null,
    leased_until timestamptz not null,
    claimed_at   timestamptz not null default now(),
    namespace    text collate "C",
    workflow_id  text collate "C",
    primary key (tenant, environment, key)
);

comment on column idempotency.digest is 'of the input in its canonical form';
comment on column idempotency.plan is 'what Temporal must be told again exactly, such as a workflow id that was made up';
comment on column idempotency.outcome is 'what the caller was told; null while it is not known';
comment on column idempotency.credited is 'whether a request has been told that it made what it is about';
comment on column idempotency.attempts is 'how many requests may have acted: those that were refused are taken off';
comment on column idempotency.holder is 'which request works on it';
comment on column idempotency.leased_until is 'until then nobody else works on it';
comment on column idempotency.workflow_id is 'of the run that it starts: the key is kept while one of this id is open';

create index idempotency_by_age on idempotency (claimed_at);

alter table audit add column concludes bigint;
alter table audit add column address text;
alter table audit add column idempotency_key text;

comment on column audit.concludes is 'position of the entry whose outcome this is; null for the entry itself';

create unique index audit_outcomes on audit (concludes) where concludes is not null;
create index audit_by_scope on audit (tenant, environment, position desc) where concludes is null;

create trigger audit_is_never_emptied before truncate on audit
    for each statement execute function refuse_change();
