"""The tables of test cycles, as they stand in the schema that a cycle's input names.

Given, before a cycle starts:

- `cycles`: a cycle and the address of its manager
- `reports`: a report, the table with its records and the column that tells them apart
- `data_owners`: who answers for a column of a report, or with `*` for all that are not named

Found by the phases, one table each: `attributes`, of which scoping fills `in_scope`; `samples`, `owners`,
`requests`, `results`, `observations`, `final_reports`. Their `made_by` is the workflow id that wrote a row, so that
it can be undone; people may write rows too. `notices` is what was told to whom.
"""

from __future__ import annotations

_OF_A_REPORT = """tenant_id text not null, environment_id text not null, cycle_id integer not null,
    report_id integer not null, made_by text not null"""
_KEY = "tenant_id, environment_id, cycle_id, report_id"

SCHEMA = f"""
create schema if not exists {{schema}};
create table if not exists {{schema}}.cycles (
    tenant_id text not null, environment_id text not null, cycle_id integer not null, name text not null,
    manager text not null,
    primary key (tenant_id, environment_id, cycle_id)
);
create table if not exists {{schema}}.reports (
    tenant_id text not null, environment_id text not null, report_id integer not null, name text not null,
    source_table text not null, key_column text not null,
    primary key (tenant_id, environment_id, report_id)
);
create table if not exists {{schema}}.data_owners (
    tenant_id text not null, environment_id text not null, report_id integer not null,
    column_name text not null, email text not null,
    primary key (tenant_id, environment_id, report_id, column_name)
);
create table if not exists {{schema}}.attributes (
    {_OF_A_REPORT}, name text not null, rule jsonb not null, risk integer not null check (risk between 1 and 5),
    rationale text not null, in_scope boolean, scoped_by text,
    primary key ({_KEY}, name)
);
create table if not exists {{schema}}.samples (
    {_OF_A_REPORT}, record_key text not null, primary key ({_KEY}, record_key)
);
create table if not exists {{schema}}.owners (
    {_OF_A_REPORT}, attribute text not null, email text not null, primary key ({_KEY}, attribute)
);
create table if not exists {{schema}}.requests (
    {_OF_A_REPORT}, email text not null, attributes text[] not null, requested_at timestamptz not null default now(),
    primary key ({_KEY}, email)
);
create table if not exists {{schema}}.results (
    {_OF_A_REPORT}, record_key text not null, attribute text not null, value text, passed boolean not null,
    primary key ({_KEY}, record_key, attribute)
);
create table if not exists {{schema}}.observations (
    {_OF_A_REPORT}, attribute text not null, failed integer not null, tests integer not null, severity text not null,
    primary key ({_KEY}, attribute)
);
create table if not exists {{schema}}.final_reports (
    {_OF_A_REPORT}, content jsonb not null, written_at timestamptz not null default now(), primary key ({_KEY})
);
create table if not exists {{schema}}.notices (
    tenant_id text not null, environment_id text not null, cycle_id integer not null, made_by text not null,
    notice_id uuid not null, kind text not null, recipient text not null, subject text not null, text text not null,
    written_at timestamptz not null default now(),
    primary key (notice_id)
);
"""

CLEARED = {
    "planning": "attributes",
    "sample_selection": "samples",
    "data_owner_identification": "owners",
    "request_for_information": "requests",
    "test_execution": "results",
    "observation_management": "observations",
    "finalize_test_report": "final_reports",
}
"""The table that a phase fills by itself."""
