-- What allocation goes by beside the critical path: branches, conflicts, needs, pauses, and who hands out what.

-- 1: changes of hands come one after another; 2: so they do, and what todos want and need has to be made from text first
ALTER TABLE project ADD COLUMN constrained INTEGER NOT NULL DEFAULT 0;
UPDATE project SET constrained = 2 WHERE EXISTS (SELECT 1 FROM todo_detail d
    WHERE d.project_id = project.project_id AND (d.touches <> '[]' OR d.needs <> '[]'));
ALTER TABLE project ADD COLUMN pause TEXT; -- why nothing is given out; NULL: it is
ALTER TABLE project ADD COLUMN draining INTEGER NOT NULL DEFAULT 0; -- 1: whoever asks while paused need not wait

ALTER TABLE todo ADD COLUMN need INTEGER NOT NULL DEFAULT 0; -- 0: anybody may have it; below: nobody, a gate; else a `need`
ALTER TABLE todo ADD COLUMN exclusive INTEGER NOT NULL DEFAULT 0; -- 1: until it is finished it has rows in `touch` or `demand`
ALTER TABLE todo ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0; -- its place in the batch it was claimed with, from 0

-- One index for each Order of selection.py, over ready todos alone: a claim is the first entry for a need.
DROP INDEX todo_by_critical_path;
CREATE INDEX todo_by_critical_path ON todo
    (project_id, need, urgency, critical_path_minutes DESC, total_descendants DESC, immediate_dependents DESC, number)
    WHERE status = 'ready';
DROP INDEX todo_by_arrival;
CREATE INDEX todo_by_arrival ON todo (project_id, need, urgency, number) WHERE status = 'ready';
CREATE INDEX todo_by_branch ON todo
    (project_id, branch, need, urgency, critical_path_minutes DESC, total_descendants DESC, immediate_dependents DESC,
    number)
    WHERE status = 'ready' AND branch IS NOT NULL;

ALTER TABLE todo_detail ADD COLUMN kind TEXT NOT NULL DEFAULT 'todo'; -- or gate
ALTER TABLE todo_detail ADD COLUMN opens_at BIGINT; -- when a gate opens by itself; NULL: a person opens it

DROP INDEX hold_without_end;
CREATE INDEX hold_without_end ON hold (project_id, kind, number) WHERE until_at IS NULL;

ALTER TABLE instance ADD COLUMN offers TEXT NOT NULL DEFAULT '[]';
ALTER TABLE instance ADD COLUMN branch {sorted}; -- that of its last claim that had one

-- The sets of labels that todos of the project need, each once; 0 is the empty one and has no row.
CREATE TABLE need (
    project_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    labels {sorted} NOT NULL, -- a sorted JSON list
    PRIMARY KEY (project_id, number),
    UNIQUE (project_id, labels)
) {clustered};

-- A branch of which somebody has said or taken something; most have no row.
CREATE TABLE branch (
    project_id BIGINT NOT NULL,
    name {sorted} NOT NULL,
    holder BIGINT, -- the instance that keeps to it
    token BIGINT NOT NULL DEFAULT 0, -- raised each time it is held
    held_at BIGINT,
    pause TEXT, -- why its todos are held back; NULL: they are not
    PRIMARY KEY (project_id, name)
) {clustered};
CREATE INDEX branch_by_holder ON branch (project_id, holder, name) WHERE holder IS NOT NULL;

-- What an unfinished todo touches. A path begins and ends in '/', so that whatever lies beneath it begins with it.
CREATE TABLE touch (
    project_id BIGINT NOT NULL,
    path {sorted} NOT NULL,
    number BIGINT NOT NULL,
    writes INTEGER NOT NULL, -- 0: it only reads
    PRIMARY KEY (project_id, path, number)
) {clustered};
CREATE INDEX touch_by_todo ON touch (project_id, number); -- no more, or PostgreSQL looks paths up in it, reading all

-- How much an unfinished todo takes of a resource, of which the settings tell how much there is. A branch with a limit is
-- a resource as well, named by a space and the branch.
CREATE TABLE demand (
    project_id BIGINT NOT NULL,
    resource {sorted} NOT NULL,
    amount BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (project_id, resource, amount, number)
) {clustered};
CREATE INDEX demand_by_todo ON demand (project_id, number);

-- The work queue: ready todos as they were ranked for everybody; an item is taken out by the claim itself. What is left
-- of the edition before the latest stays for those who read the ranking before it was made.
CREATE TABLE queue (
    project_id BIGINT NOT NULL,
    edition BIGINT NOT NULL,
    place INTEGER NOT NULL, -- from 1
    number BIGINT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (project_id, edition, place)
) {clustered_beaten};
CREATE TABLE ranking (
    project_id BIGINT NOT NULL PRIMARY KEY,
    edition BIGINT NOT NULL,
    strategy TEXT NOT NULL,
    graph_version BIGINT NOT NULL,
    ranked_at BIGINT NOT NULL
) {clustered_beaten};

-- Who leads, in which term: the row stays, so that no term is ever given twice.
CREATE TABLE leader (
    project_id BIGINT NOT NULL PRIMARY KEY,
    instance BIGINT NOT NULL,
    term BIGINT NOT NULL,
    lease_expires_at BIGINT NOT NULL
) {clustered_beaten};
-- What a leader wants an instance to take next. It is in force while the todo is ready with this token, until
-- accept_by; after that it only tells that its instance did not ask in time.
CREATE TABLE assignment (
    project_id BIGINT NOT NULL,
    instance BIGINT NOT NULL,
    number BIGINT NOT NULL,
    token BIGINT NOT NULL,
    term BIGINT NOT NULL,
    keeps INTEGER NOT NULL, -- 1: the instance is to keep to the todo's branch
    why TEXT NOT NULL,
    assigned_at BIGINT NOT NULL,
    accept_by BIGINT NOT NULL,
    PRIMARY KEY (project_id, instance)
) {clustered_beaten};

-- A process of an older release must not go on: it knows nothing of all this, and would count wrong. Every act of its
-- reads this column first.
ALTER TABLE fleet RENAME COLUMN sweep_due_at TO due_at;
