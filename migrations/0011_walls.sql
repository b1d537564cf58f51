-- The second wall: what a statement sees is decided by the role that runs it and by the scope that is set for it,
-- whatever the statement itself asks for.
--
-- tideline_platform sees every tenant: the indexer, what a gateway does for itself, and callers above tenants.
-- tideline_caller sees the rows of the scope in `tideline.tenant` and `tideline.environment` (empty: all of the
-- tenant's), and without a scope none. Neither owns anything nor can log in: who logs in is made a member of both.

do $$
begin
    -- Roles belong to the cluster, where another database of Tideline may have them already, or make them right now.
    begin
        if not exists (select from pg_roles where rolname = 'tideline_platform') then
            create role tideline_platform nologin;
        end if;
        if not exists (select from pg_roles where rolname = 'tideline_caller') then
            create role tideline_caller nologin;
        end if;
    exception
        when duplicate_object or unique_violation then null;
        when insufficient_privilege then
            raise exception 'the role % may not make the roles tideline_platform and tideline_caller', current_user
                using errcode = 'insufficient_privilege',
                    hint = 'let an administrator run: create role tideline_platform; create role tideline_caller;';
    end;
    execute format('grant usage on schema %I to tideline_platform, tideline_caller', current_schema());
    execute format('alter default privileges in schema %I grant select, insert, update, delete on tables to'
        ' tideline_platform', current_schema());
    execute format('alter default privileges in schema %I grant usage, select on sequences to tideline_platform',
        current_schema());
    execute format('grant select, insert, update, delete on all tables in schema %I to tideline_platform',
        current_schema());
    execute format('grant usage, select on all sequences in schema %I to tideline_platform', current_schema());
end
$$;

revoke insert, update, delete on schema_migrations from tideline_platform;
revoke update, delete on audit from tideline_platform;
grant select on schema_migrations to tideline_caller;

-- Whose rows of `attributes` are, it says itself from now on: it is read, and counted, without the runs.
alter table attributes add column tenant text collate "C", add column environment text collate "C";
update attributes a set tenant = e.tenant, environment = e.environment
from executions e where (e.run_id, e.namespace) = (a.run_id, a.namespace);
delete from attributes where tenant is null;
alter table attributes alter column tenant set not null, alter column environment set not null;

drop index attributes_in_scope;
create unique index attributes_in_scope on attributes (scoped, start_time desc, run_id desc, namespace)
    include (tenant, environment);

create or replace function attributes_inserted() returns trigger language plpgsql as $$
begin
    insert into attributes
    select its.everywhere, its.scoped, start_time, run_id, namespace, tenant, environment
    from written cross join lateral attributes_of(metadata, search_attributes, tenant, environment) as its
    on conflict do nothing;
    return null;
end
$$;

create or replace function attributes_updated() returns trigger language plpgsql as $$
begin
    delete from attributes as held
    using attributes_of(old.metadata, old.search_attributes, old.tenant, old.environment) as its
    where (held.everywhere, held.scoped) = (its.everywhere, its.scoped)
        and (held.start_time, held.run_id, held.namespace) = (old.start_time, old.run_id, old.namespace)
        and (old.start_time <> new.start_time or (its.everywhere, its.scoped) not in (
            select * from attributes_of(new.metadata, new.search_attributes, new.tenant, new.environment)));
    insert into attributes
    select its.everywhere, its.scoped, new.start_time, new.run_id, new.namespace, new.tenant, new.environment
    from attributes_of(new.metadata, new.search_attributes, new.tenant, new.environment) as its
    on conflict do nothing;
    return null;
end
$$;

-- Puts a table behind the wall; every new table wants a call of it. `of` says whose its rows are: 'scope', where it
-- has the columns tenant and environment; 'run' and 'batch', where it has the key of one, which must itself be seen;
-- 'nobody', for what no caller reads; 'everybody', for what is no tenant's. Without a tenant a row is the platform's own.
create function wall(name text, of text) returns void language plpgsql as $$
declare
    seen constant text := case of
        when 'scope' then
            'tenant = nullif(current_setting(''tideline.tenant'', true), '''') and (environment ='
            ' current_setting(''tideline.environment'', true) or current_setting(''tideline.environment'', true) = '''')'
        when 'batch' then format(
            'exists (select from batches b where b.job_id = %I.job_id)', name)
        when 'run' then format(
            'exists (select from executions e where (e.namespace, e.workflow_id, e.run_id)'
            ' = (%1$I.namespace, %1$I.workflow_id, %1$I.run_id))', name)
        when 'everybody' then 'true'
        when 'nobody' then 'false'
    end;
begin
    execute format('alter table %I enable row level security', name);
    execute format('create policy everything on %I to tideline_platform using (true) with check (true)', name);
    if of <> 'nobody' then
        execute format('create policy its_own on %I to tideline_caller using (%s)', name, seen);
        execute format('grant select on %I to tideline_caller', name);
    end if;
end
$$;

revoke execute on function wall from public;

select wall(name, 'scope') from unnest(array[
    'executions', 'attributes', 'activities', 'execution_counts', 'statistics', 'profiles', 'alerts', 'changes',
    'audit', 'idempotency', 'api_keys', 'batches'
]) as name;
select wall(name, 'run') from unnest(array['archive', 'archive_events']) as name;
select wall('batch_items', 'batch');
-- Days alone: which of them are summed up.
select wall(name, 'everybody') from unnest(array['statistic_days', 'statistic_marks']) as name;
select wall(name, 'nobody') from unnest(array[
    'execution_totals', 'type_statistics', 'profiled', 'changes_cut', 'tenants', 'sources', 'watermarks',
    'shared_secrets', 'stream_tickets', 'deleted_executions'
]) as name;

-- Lists that name no tenant read it; a caller's always do.
grant select on type_statistics to tideline_caller;

-- What callers find under these names, those of one environment in tideline_callers and those of all of a tenant's in
-- tideline_tenants. Under row security an index answers only for operators that are marked leakproof, which those on
-- words, letters and JSON are not; a view puts the same condition without that. Nothing is given away: who could look
-- at rows by a function of their own could set another scope as well. There are two of each since the planner has no
-- idea how many rows an `or` of settings leaves, and reads a page the long way round.
create schema tideline_callers;
create schema tideline_tenants;

create view tideline_callers.executions as
select * from executions
where tenant = nullif(current_setting('tideline.tenant', true), '')
    and environment = current_setting('tideline.environment', true);

create view tideline_tenants.executions as
select * from executions
where tenant = nullif(current_setting('tideline.tenant', true), '')
    and current_setting('tideline.environment', true) = '';

create view tideline_callers.execution_totals as
select namespace, workflow_type, status, slot, runs from execution_counts
where tenant = nullif(current_setting('tideline.tenant', true), '')
    and environment = current_setting('tideline.environment', true);

create view tideline_tenants.execution_totals as
select namespace, workflow_type, status, slot, runs from execution_counts
where tenant = nullif(current_setting('tideline.tenant', true), '')
    and current_setting('tideline.environment', true) = '';

grant usage on schema tideline_callers, tideline_tenants to tideline_caller;
grant select on all tables in schema tideline_callers, tideline_tenants to tideline_caller;

-- What is done to many runs on behalf of a caller is done by the platform, to runs that it finds through these views.
grant usage on schema tideline_callers, tideline_tenants to tideline_platform;
grant select on tideline_callers.executions, tideline_tenants.executions to tideline_platform;

alter table batches add column understood jsonb;

comment on column batches.understood is 'the filter for who asked, whose workflow ids may be other than Temporal''s';
