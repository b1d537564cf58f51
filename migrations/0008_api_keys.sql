-- Who may come in: API keys by the hash of their secret, the key that tokens are signed with, tickets of streams.

create table api_keys (
    id           uuid primary key default gen_random_uuid(),
    name         text not null,
    prefix       text collate "C" not null,
    digest       bytea not null unique,
    roles        text[] not null,
    tenant       text collate "C",
    environment  text collate "C",
    created_by   text not null,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);

comment on column api_keys.digest is 'SHA-256 of the secret, which is random and 256 bits long: no salt is needed';
comment on column api_keys.tenant is 'what it sees; null: every tenant';

create index api_keys_by_owner on api_keys (tenant, environment, created_at desc);

-- Secrets that the gateways share where none is configured.
create table shared_secrets (
    name  text collate "C" primary key,
    value bytea not null
);

create table stream_tickets (
    digest     bytea primary key,
    identity   jsonb not null,
    expires_at timestamptz not null
);

create index stream_tickets_by_end on stream_tickets (expires_at);
