-- What lists of runs are filtered, sorted and counted by.

-- The words of a text, in small letters, at most 64 letters each; a longer one would not fit an index.
create function search_words(text) returns tsvector language sql immutable parallel safe as $$
    select array_to_tsvector(coalesce(array_agg(distinct left(word, 64)), '{}'))
    from regexp_split_to_table(lower($1 collate "default"), '[[:punct:][:space:]]+') as word
    where word <> ''
$$;

-- A type is found by its whole name and by the words in it: PriceSync by price, sync and pricesync.
alter table executions add column words tsvector generated always as (search_words(
    workflow_id || ' ' || workflow_type || ' '
    || regexp_replace(workflow_type, '([[:lower:][:digit:]])([[:upper:]])', '\1 \2', 'g') || ' '
    || coalesce(left(failure_message, 4000), '')
)) stored;

comment on column executions.words is 'of the workflow id, the type and the failure message';

create index executions_by_words on executions using gin (words);
create index executions_by_attributes on executions using gin (search_attributes jsonb_path_ops);

-- Lists of those who see every tenant.
create index executions_by_type_everywhere on executions (workflow_type, start_time desc, run_id desc);
create index executions_by_status_everywhere on executions (status, start_time desc, run_id desc);
create index executions_by_creator on executions (created_by, start_time desc, run_id desc)
    where created_by is not null;
create index executions_by_failure on executions (failure_type, start_time desc, run_id desc)
    where failure_type is not null;
create index executions_by_root on executions (root_run_id) where root_run_id is not null;

-- Sorted by close time and by duration; open runs, which have neither, are read by their start.
create index executions_by_close on executions (close_time desc, start_time desc, run_id desc)
    where close_time is not null;
create index executions_by_close_in_scope on executions
    (tenant, environment, close_time desc, start_time desc, run_id desc) where close_time is not null;
create index executions_by_duration on executions (duration desc, start_time desc, run_id desc)
    where close_time is not null;
create index executions_by_duration_in_scope on executions
    (tenant, environment, duration desc, start_time desc, run_id desc) where close_time is not null;

-- How many runs there are of each kind. A session counts in its own slot, so that few writers wait for each other;
-- the number of a kind is the sum over its slots, one of which may be below zero.
create table execution_counts (
    namespace     text collate "C" not null,
    tenant        text collate "C" not null,
    environment   text collate "C" not null,
    workflow_type text collate "C" not null,
    status        text collate "C" not null,
    slot          smallint not null,
    runs          bigint not null,
    primary key (tenant, environment, namespace, workflow_type, status, slot)
) with (fillfactor = 50);

-- In the order of the key, so that two writers in one slot never wait for each other in a circle.
create function count_executions() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into execution_counts as counted
        select namespace, tenant, environment, workflow_type, status, pg_backend_pid() % 4, count(*)
        from arrived group by 1, 2, 3, 4, 5 order by 2, 3, 1, 4, 5
        on conflict (tenant, environment, namespace, workflow_type, status, slot)
        do update set runs = counted.runs + excluded.runs;
    elsif tg_op = 'DELETE' then
        insert into execution_counts as counted
        select namespace, tenant, environment, workflow_type, status, pg_backend_pid() % 4, -count(*)
        from gone group by 1, 2, 3, 4, 5 order by 2, 3, 1, 4, 5
        on conflict (tenant, environment, namespace, workflow_type, status, slot)
        do update set runs = counted.runs + excluded.runs;
    else
        insert into execution_counts as counted
        select namespace, tenant, environment, workflow_type, status, pg_backend_pid() % 4, sum(n)
        from (
            select namespace, tenant, environment, workflow_type, status, 1 as n from arrived
            union all
            select namespace, tenant, environment, workflow_type, status, -1 from gone
        ) as moved
        group by 1, 2, 3, 4, 5 having sum(n) <> 0 order by 2, 3, 1, 4, 5
        on conflict (tenant, environment, namespace, workflow_type, status, slot)
        do update set runs = counted.runs + excluded.runs;
    end if;
    return null;
end
$$;

create trigger executions_count_inserted after insert on executions
    referencing new table as arrived for each statement execute function count_executions();
create trigger executions_count_updated after update on executions
    referencing new table as arrived old table as gone for each statement execute function count_executions();
create trigger executions_count_deleted after delete on executions
    referencing old table as gone for each statement execute function count_executions();

insert into execution_counts
select namespace, tenant, environment, workflow_type, status, 0, count(*) from executions group by 1, 2, 3, 4, 5;
