-- The first schema, for both engines. A word in braces stands for what the engine's own file of words puts there.
-- Every key leads with the project, so that a project can live on any server. Times are microseconds since 1970 UTC.

{domains}
CREATE TABLE project (
    project_id {identity},
    name {sorted} NOT NULL UNIQUE,
    settings TEXT NOT NULL DEFAULT '{{}}',
    graph_version BIGINT NOT NULL DEFAULT 0,
    descendants_version BIGINT NOT NULL DEFAULT 0, -- the graph_version that total_descendants was counted for
    next_todo BIGINT NOT NULL DEFAULT 1,
    next_instance BIGINT NOT NULL DEFAULT 1,
    sweep_due_at BIGINT NOT NULL DEFAULT 0,
    clock_mark TEXT NOT NULL DEFAULT '',
    pruned_at BIGINT NOT NULL DEFAULT 0, -- when old replies were last forgotten
    created_at BIGINT NOT NULL
);

-- The hot row: what claims and completions read and write, and nothing else.
CREATE TABLE todo (
    project_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    status {status},
    unmet {unmet},
    priority {priority},
    urgency INTEGER NOT NULL,
    estimate_minutes {estimate},
    critical_path_minutes DOUBLE PRECISION NOT NULL,
    total_descendants INTEGER NOT NULL,
    immediate_dependents INTEGER NOT NULL,
    rank BIGINT NOT NULL,
    branch {sorted},
    token BIGINT NOT NULL DEFAULT 0,
    holder BIGINT,
    attempts INTEGER NOT NULL DEFAULT 0,
    progress_percent INTEGER,
    claimed_at BIGINT,
    finished_at BIGINT,
    PRIMARY KEY (project_id, number)
) {clustered_hot};

-- One index for each Order of selection.py, over ready todos alone: a claim is its first entry.
CREATE INDEX todo_by_critical_path ON todo
    (project_id, urgency, critical_path_minutes DESC, total_descendants DESC, immediate_dependents DESC, number)
    WHERE status = 'ready';
CREATE INDEX todo_by_arrival ON todo (project_id, urgency, number) WHERE status = 'ready';
CREATE INDEX todo_by_holder ON todo (project_id, holder, number) WHERE status = 'in_progress';
CREATE INDEX todo_failed ON todo (project_id, number) WHERE status = 'failed';

CREATE TABLE todo_detail (
    project_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    id {sorted} NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    touches TEXT NOT NULL DEFAULT '[]',
    needs TEXT NOT NULL DEFAULT '[]',
    result TEXT,
    former_holder TEXT,
    edited TEXT NOT NULL DEFAULT '[]',
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, number),
    UNIQUE (project_id, id)
) {clustered};

CREATE TABLE dependency (
    project_id BIGINT NOT NULL,
    predecessor BIGINT NOT NULL,
    dependent BIGINT NOT NULL,
    PRIMARY KEY (project_id, predecessor, dependent)
) {clustered};
CREATE INDEX dependency_by_dependent ON dependency (project_id, dependent, predecessor);

-- One more unmet dependency with a reason. until_at NULL: until somebody lifts it.
CREATE TABLE hold (
    project_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    kind {sorted} NOT NULL,
    reason TEXT NOT NULL,
    until_at BIGINT,
    PRIMARY KEY (project_id, number, kind)
) {clustered};
CREATE INDEX hold_by_until ON hold (project_id, until_at) WHERE until_at IS NOT NULL;

-- A row for each start of an instance; numbers are never used again.
CREATE TABLE instance (
    project_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    name {sorted} NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('live', 'left', 'lost')),
    registered_at BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL,
    lease_expires_at BIGINT NOT NULL,
    host TEXT,
    process_id BIGINT,
    PRIMARY KEY (project_id, number)
) {clustered_beaten};
CREATE UNIQUE INDEX instance_live ON instance (project_id, name) WHERE state = 'live';

-- Append-only. No index by todo: it would cost each claim and completion a random page (docs/decisions/0006).
CREATE TABLE journal (
    {journal_key},
    project_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    todo BIGINT,
    instance BIGINT,
    token BIGINT,
    why TEXT,
    data TEXT
);
{journal_index}

-- What an act with an idempotency key answered, so that a retry after a lost reply gets the same.
CREATE TABLE reply (
    project_id BIGINT NOT NULL,
    key {sorted} NOT NULL,
    at BIGINT NOT NULL,
    act TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (project_id, key)
) {clustered};

-- The records of an imported file as they were, those that are no todo included, so that an export gives them back.
CREATE TABLE source_record (
    project_id BIGINT NOT NULL,
    format {sorted} NOT NULL,
    position BIGINT NOT NULL,
    id TEXT,
    is_todo INTEGER NOT NULL,
    raw TEXT NOT NULL,
    PRIMARY KEY (project_id, format, position)
);
