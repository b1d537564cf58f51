-- What the log of the lists tells beyond names: what a run was that is gone, and which alert an entry is about.

alter table changes add column gone jsonb;
alter table changes add column alert bigint;

comment on column changes.gone is 'the row as it was before it was DELETED, so that filters can be decided by it';
comment on column changes.alert is 'the alert that was RAISED, UPDATED or RESOLVED; names that it does not have are empty';
