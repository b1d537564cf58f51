-- Lists by one value of the metadata or the search attributes, by type and status together and by a part of the
-- workflow id; how many runs there are everywhere; and of which Temporal namespace the index is.

-- One row a run and scalar at the top of its metadata or search attributes, in the order of lists. A value of any
-- length takes the room of two numbers; whoever reads holds the run itself to the whole condition. Like an index on
-- the same columns it has as many rows as there are values: Temporal bounds the size of a memo.
create table attributes (
    everywhere bigint not null,
    scoped     bigint not null,
    start_time timestamptz not null,
    run_id     text collate "C" not null,
    namespace  text collate "C" not null
);

comment on column attributes.everywhere is 'of the column''s name, the key and the value';
comment on column attributes.scoped is 'the same with tenant and environment';

-- Equal values have equal numbers: 1 is 1.0. Whose a run is, it says in columns of its own.
create function attributes_of(
    metadata jsonb, search_attributes jsonb, tenant text, environment text, out everywhere bigint, out scoped bigint
) returns setof record language sql immutable parallel safe as $$
    select distinct jsonb_hash_extended(jsonb_build_array(kind, key, value), 0),
        jsonb_hash_extended(jsonb_build_array(kind, key, value, tenant, environment), 0)
    from (
        select 'metadata' as kind, key, value from jsonb_each(metadata)
        union all
        select 'search_attributes', key, value from jsonb_each(search_attributes)
        where key not in ('TenantId', 'EnvironmentId')
    ) as each
    where jsonb_typeof(value) not in ('object', 'array')
$$;

insert into attributes
select its.everywhere, its.scoped, start_time, run_id, namespace
from executions cross join lateral attributes_of(metadata, search_attributes, tenant, environment) as its;

create unique index attributes_everywhere on attributes (everywhere, start_time desc, run_id desc, namespace);
create unique index attributes_in_scope on attributes (scoped, start_time desc, run_id desc, namespace);

create function attributes_inserted() returns trigger language plpgsql as $$
begin
    insert into attributes
    select its.everywhere, its.scoped, start_time, run_id, namespace
    from written cross join lateral attributes_of(metadata, search_attributes, tenant, environment) as its
    on conflict do nothing;
    return null;
end
$$;

create function attributes_updated() returns trigger language plpgsql as $$
begin
    delete from attributes as held
    using attributes_of(old.metadata, old.search_attributes, old.tenant, old.environment) as its
    where (held.everywhere, held.scoped) = (its.everywhere, its.scoped)
        and (held.start_time, held.run_id, held.namespace) = (old.start_time, old.run_id, old.namespace)
        and (old.start_time <> new.start_time or (its.everywhere, its.scoped) not in (
            select * from attributes_of(new.metadata, new.search_attributes, new.tenant, new.environment)));
    insert into attributes
    select its.everywhere, its.scoped, new.start_time, new.run_id, new.namespace
    from attributes_of(new.metadata, new.search_attributes, new.tenant, new.environment) as its
    on conflict do nothing;
    return null;
end
$$;

create function attributes_deleted() returns trigger language plpgsql as $$
begin
    delete from attributes as held
    using gone cross join lateral
        attributes_of(gone.metadata, gone.search_attributes, gone.tenant, gone.environment) as its
    where (held.everywhere, held.scoped) = (its.everywhere, its.scoped)
        and (held.start_time, held.run_id, held.namespace) = (gone.start_time, gone.run_id, gone.namespace);
    return null;
end
$$;

create trigger executions_attributes_inserted after insert on executions
    referencing new table as written for each statement execute function attributes_inserted();
-- By row, since most updates change none of them.
create trigger executions_attributes_updated after update on executions for each row
    when ((old.metadata, old.search_attributes, old.start_time, old.tenant, old.environment)
        is distinct from (new.metadata, new.search_attributes, new.start_time, new.tenant, new.environment))
    execute function attributes_updated();
create trigger executions_attributes_deleted after delete on executions
    referencing old table as gone for each statement execute function attributes_deleted();

-- Completed runs, which most are, are found among those of their type.
create index executions_by_type_and_status on executions
    (tenant, environment, workflow_type, status, start_time desc, run_id desc) where status <> 'COMPLETED';
create index executions_by_type_and_status_everywhere on executions
    (workflow_type, status, start_time desc, run_id desc) where status <> 'COMPLETED';

-- Every three letters in a row.
create function trigrams(text) returns text[] language sql immutable parallel safe as $$
    select coalesce(array_agg(distinct substr($1, at, 3)), '{}') from generate_series(1, length($1) - 2) as at
$$;

create index executions_by_part_of_id on executions using gin (trigrams(workflow_id));

-- What `execution_counts` comes to over all tenants and environments, in slots as there.
create table execution_totals (
    namespace     text collate "C" not null,
    workflow_type text collate "C" not null,
    status        text collate "C" not null,
    slot          smallint not null,
    runs          bigint not null,
    primary key (namespace, workflow_type, status, slot)
) with (fillfactor = 50);

create or replace function count_executions() returns trigger language plpgsql as $$
declare
    moved execution_counts[];
begin
    if tg_op = 'INSERT' then
        moved := array(
            select (namespace, tenant, environment, workflow_type, status, pg_backend_pid() % 4, count(*))::execution_counts
            from arrived group by namespace, tenant, environment, workflow_type, status
        );
    elsif tg_op = 'DELETE' then
        moved := array(
            select (namespace, tenant, environment, workflow_type, status, pg_backend_pid() % 4, -count(*))::execution_counts
            from gone group by namespace, tenant, environment, workflow_type, status
        );
    else
        moved := array(
            select (namespace, tenant, environment, workflow_type, status, pg_backend_pid() % 4, sum(n))::execution_counts
            from (
                select namespace, tenant, environment, workflow_type, status, 1 as n from arrived
                union all
                select namespace, tenant, environment, workflow_type, status, -1 from gone
            ) as both_ways
            group by namespace, tenant, environment, workflow_type, status having sum(n) <> 0
        );
    end if;
    if cardinality(moved) = 0 then
        return null;
    end if;
    -- In the order of the keys, so that two writers in one slot never wait for each other in a circle.
    insert into execution_counts as counted
    select * from unnest(moved) as each order by tenant, environment, namespace, workflow_type, status
    on conflict (tenant, environment, namespace, workflow_type, status, slot)
    do update set runs = counted.runs + excluded.runs;
    insert into execution_totals as counted
    select namespace, workflow_type, status, pg_backend_pid() % 8, sum(runs) from unnest(moved) as each
    group by 1, 2, 3 having sum(runs) <> 0 order by 1, 2, 3
    on conflict (namespace, workflow_type, status, slot)
    do update set runs = counted.runs + excluded.runs;
    return null;
end
$$;

insert into execution_totals
select namespace, workflow_type, status, 0, sum(runs) from execution_counts group by 1, 2, 3;

-- Which namespace the index was made from. An indexer that meets another one under the same name stops.
create table sources (
    namespace     text collate "C" primary key,
    namespace_id  text collate "C" not null,
    first_seen_at timestamptz not null default now(),
    refused       text,
    refused_at    timestamptz
);

comment on column sources.namespace_id is 'drawn by Temporal when the namespace was made; the same in each cluster that replicates it';
comment on column sources.refused is 'why the indexer does not follow it now, as a sentence for the operator';
