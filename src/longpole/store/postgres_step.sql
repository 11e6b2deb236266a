-- Completing and claiming in one round trip, for the plain case of both. Whatever is not plain changes nothing and gives
-- NULL, and the act goes the long way: a lease to renew, a sweep that is due, a claim that was lost, nothing to claim,
-- a key that was used, settings that the caller has not seen, a pause, labels to match, a todo that a constraint binds,
-- a todo that a leader has assigned to the instance.
-- A word in braces is a statement of claims.py or journal.py, with names of this function for its marks.

CREATE OR REPLACE FUNCTION {name}(
    p_project BIGINT,
    p_now BIGINT,       -- NULL: the server's clock
    p_durable BOOLEAN,  -- false: need not wait for the disk
    p_instance BIGINT,
    p_settings TEXT,    -- those that the caller goes by
    p_beat_us BIGINT,   -- how old a heartbeat may be
    p_todos TEXT[],     -- what to complete, each with its token and its result
    p_tokens BIGINT[],
    p_results TEXT[],
    p_order TEXT,       -- in which order to claim
    p_branch TEXT,      -- NULL: of any branch
    p_bonus FLOAT8,     -- NULL: of the branch alone; else by how much it counts more than any other
    p_why TEXT,         -- with which reason, and with which if it is not of the branch
    p_why_else TEXT,
    p_count BIGINT,     -- how many, within one's share of what is ready
    p_key TEXT,         -- idempotency key and act, as in replies.py
    p_act TEXT
) RETURNS TEXT LANGUAGE plpgsql SET lock_timeout = '{lock_timeout}' SET enable_seqscan = off AS $$
DECLARE
    v_now BIGINT := COALESCE(p_now, (EXTRACT(EPOCH FROM transaction_timestamp()) * 1000000)::BIGINT);
    v_name TEXT;
    v_lease BIGINT;
    v_counted BOOLEAN;
    v_assigned BOOLEAN;
    v_others BIGINT[] := '{{}}'; -- what a leader has assigned to others
    v_numbers BIGINT[];
    v_done BIGINT;
    v_unmet INTEGER;
    v_exclusive INTEGER;
    v_branch TEXT;
    v_constrained INTEGER;
    v_live BIGINT;
    v_allowed BIGINT := p_count;
    v_todo todo%ROWTYPE;
    v_detail todo_detail%ROWTYPE;
    v_why TEXT;
    v_taken JSON[] := '{{}}';
    v_rows JSON[] := '{{}}';
    v_after JSON[] := '{{}}';
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RETURN NULL; -- the long way begins its own transaction
    ELSIF NOT p_durable THEN
        PERFORM set_config('synchronous_commit', 'off', TRUE);
    END IF;
    -- Where constraints bind todos it waits its turn, before it locks anything. A todo that a constraint binds itself is
    -- not plain all the same.
    SELECT constrained INTO v_constrained FROM project WHERE project_id = p_project;
    IF v_constrained > 1 THEN
        RETURN NULL; -- an older longpole wrote it: what its todos touch is to be made anew first
    ELSIF v_constrained > 0 THEN
        PERFORM pg_advisory_xact_lock({turn}, p_project::INTEGER);
    END IF;
    SELECT i.name, i.lease_expires_at, i.branch, p.descendants_version = p.graph_version,
        EXISTS (SELECT 1 FROM assignment WHERE project_id = p_project)
    INTO v_name, v_lease, v_branch, v_counted, v_assigned
    FROM project p
    JOIN fleet f ON f.project_id = p.project_id
    JOIN instance i ON i.project_id = p.project_id
    WHERE p.project_id = p_project AND p.settings = p_settings AND f.due_at > v_now
        AND p.pause IS NULL
        AND (i.offers = '[]' OR NOT EXISTS (SELECT 1 FROM need WHERE project_id = p_project))
        AND i.number = p_instance AND i.state = 'live' AND i.heartbeat_at BETWEEN v_now - p_beat_us AND v_now
    FOR KEY SHARE OF i;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF v_assigned AND p_count > 0 THEN
        IF EXISTS (SELECT 1 FROM assignment WHERE project_id = p_project AND instance = p_instance) THEN
            RETURN NULL;
        END IF;
        v_others := ARRAY(SELECT number FROM assignment WHERE project_id = p_project AND accept_by > v_now);
    END IF;

    IF cardinality(p_todos) > 1 THEN
        v_numbers := ARRAY(SELECT number FROM todo_detail WHERE project_id = p_project AND id = ANY (p_todos));
        {lock_dependents};
    END IF;
    FOR n IN 1 .. cardinality(p_todos) LOOP
        SELECT number INTO v_done FROM todo_detail WHERE project_id = p_project AND id = p_todos[n];
        {complete} INTO v_unmet, v_exclusive;
        IF NOT FOUND OR v_unmet > 0 OR v_exclusive > 0 THEN
            RAISE SQLSTATE 'LP001';
        END IF;
        {satisfy};
        IF v_constrained > 0 AND EXISTS
            (SELECT 1 FROM todo WHERE project_id = p_project AND status = 'ready' AND need = -2) THEN
            RAISE SQLSTATE 'LP001'; -- a gate opens
        END IF;
        IF p_results[n] IS NOT NULL THEN
            {set_result};
        END IF;
        {note_completed};
    END LOOP;

    IF p_count > 1 THEN
        v_live := GREATEST(1, ({live}));
        v_allowed := GREATEST(1, LEAST(p_count, ({ready}) / v_live));
    END IF;
    FOR n IN 1 .. v_allowed LOOP
        IF p_bonus IS NOT NULL THEN
            {take_by_context} RETURNING * INTO v_todo;
        ELSIF p_order = 'critical_path' AND p_branch IS NULL THEN
            {take_by_critical_path} RETURNING * INTO v_todo;
        ELSIF p_order = 'critical_path' THEN
            {take_of_branch} RETURNING * INTO v_todo;
        ELSIF p_branch IS NULL THEN
            {take_by_arrival} RETURNING * INTO v_todo;
        ELSE
            {take_of_branch_by_arrival} RETURNING * INTO v_todo;
        END IF;
        EXIT WHEN NOT FOUND;
        IF v_todo.exclusive > 0 THEN
            RAISE SQLSTATE 'LP001';
        ELSIF v_todo.branch <> COALESCE(v_branch, '') THEN
            {note_branch};
            v_branch := v_todo.branch;
        END IF;
        v_why := CASE WHEN v_todo.branch = p_branch THEN p_why ELSE p_why_else END || ': ' || FLOOR(v_todo.critical_path_minutes + 0.5)::BIGINT
            || ' min to the end, urgency ' || v_todo.urgency;
        {note_claimed};
        SELECT * INTO v_detail FROM todo_detail WHERE project_id = p_project AND number = v_todo.number;
        v_taken := v_taken || json_build_object(
            'number', v_todo.number, 'token', v_todo.token, 'attempt', v_todo.attempts, 'why', v_why,
            'branch', v_todo.branch);
        v_rows := v_rows || json_build_array( -- the columns of todos.SELECT
            v_todo.number, v_detail.id, v_detail.title, v_detail.description, v_todo.status, v_todo.priority,
            v_todo.urgency, v_todo.branch, v_todo.estimate_minutes, v_todo.critical_path_minutes,
            v_todo.immediate_dependents, CASE WHEN v_counted THEN v_todo.total_descendants ELSE -1 END, v_todo.unmet,
            v_detail.touches, v_detail.needs, v_todo.attempts, v_todo.token, v_name, v_todo.progress_percent,
            v_detail.result, v_detail.created_at, v_todo.claimed_at, v_todo.finished_at, v_detail.former_holder,
            v_detail.kind, v_detail.opens_at);
        v_after := v_after || to_json(ARRAY(
            SELECT d.id FROM dependency e
            JOIN todo_detail d ON d.project_id = e.project_id AND d.number = e.predecessor
            WHERE e.project_id = p_project AND e.dependent = v_todo.number ORDER BY e.predecessor));
    END LOOP;
    IF p_count > 0 AND cardinality(v_taken) = 0 THEN
        RAISE SQLSTATE 'LP001';
    END IF;

    IF EXISTS (SELECT 1 FROM project
            WHERE project_id = p_project AND (constrained <> v_constrained OR pause IS NOT NULL)) THEN
        RAISE SQLSTATE 'LP001'; -- since this began: it may have waited for a row
    END IF;
    INSERT INTO reply (project_id, key, at, act, answer)
    VALUES (p_project, p_key, v_now, p_act, CASE WHEN p_count = 0 THEN '{{}}' ELSE
        json_build_object('taken', array_to_json(v_taken), 'no_work', NULL)::TEXT END)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE SQLSTATE 'LP001';
    END IF;
    RETURN json_build_object('lease_expires_at', v_lease, 'taken', array_to_json(v_taken),
        'rows', array_to_json(v_rows), 'after', array_to_json(v_after))::TEXT;
EXCEPTION WHEN SQLSTATE 'LP001' THEN
    RETURN NULL;
END $$
