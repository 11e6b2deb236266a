-- What changes as instances come and go stands apart from what edits of the graph lock: neither waits for the other.

CREATE TABLE fleet (
    project_id BIGINT NOT NULL PRIMARY KEY,
    next_instance BIGINT NOT NULL DEFAULT 1,
    sweep_due_at BIGINT NOT NULL DEFAULT 0, -- nothing can be due before
    clock_mark TEXT NOT NULL DEFAULT '',
    pruned_at BIGINT NOT NULL DEFAULT 0 -- when old replies were last forgotten
) {clustered_beaten};
INSERT INTO fleet (project_id, next_instance, sweep_due_at, clock_mark, pruned_at)
    SELECT project_id, next_instance, sweep_due_at, clock_mark, pruned_at FROM project;
ALTER TABLE project DROP COLUMN next_instance;
ALTER TABLE project DROP COLUMN sweep_due_at;
ALTER TABLE project DROP COLUMN clock_mark;
ALTER TABLE project DROP COLUMN pruned_at;

CREATE INDEX hold_without_end ON hold (project_id, number) WHERE until_at IS NULL;
