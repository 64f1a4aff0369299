{#- The one statement behind every raw table. dbt (on-run-start) and pipelines/database.py both render this file, so that
    `dbt run` works on an empty database and a scrape works without dbt. -#}
{% macro raw_tables_sql(tables) %}
create schema if not exists raw;

{% for table in tables %}
create table if not exists raw.{{ table }} (
    key text not null,
    outcome text not null check (outcome in ('found', 'not_found', 'invalid', 'error', 'blocked')),
    payload jsonb,
    http_status integer,
    error text,
    sanitised boolean not null default false,
    requested_at timestamptz,
    answered_at timestamptz not null,
    run_id text not null,
    -- The transaction that wrote the row. Sequences and clocks order starts, not commits: a reader that remembers a time
    -- or a number loses the load that commits late. A reader that remembers pg_snapshot_xmin does not.
    ingest_xid xid8 not null default pg_current_xact_id(),
    _dlt_load_id text,
    _dlt_id text
);
create index if not exists {{ table }}_ingest_xid on raw.{{ table }} (ingest_xid);
create index if not exists {{ table }}_key on raw.{{ table }} (key, answered_at desc);
{% endfor %}

create table if not exists raw.quarantine (
    raw_table text not null,
    -- JSON text, not jsonb: it holds what jsonb refused
    raw_row text not null,
    reason text not null,
    run_id text not null,
    quarantined_at timestamptz not null default clock_timestamp()
);

create table if not exists raw.stage_runs (
    run_id text not null,
    stage text not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    requests integer not null,
    asked integer not null,
    found integer not null,
    not_found integer not null,
    invalid integer not null,
    errors integer not null,
    blocked integer not null,
    ended text not null,
    reason text,
    resume_at timestamptz
);
create index if not exists stage_runs_stage on raw.stage_runs (stage, ended_at desc);

create table if not exists raw.pace_slots (
    service text primary key,
    next_at timestamptz not null default '-infinity'
);
{% endmacro %}
