-- Completing and claiming in one round trip, for the plain case of both. Whatever is not plain changes nothing and gives
-- NULL, and the act goes the long way: a lease to renew, a sweep that is due, a claim that was lost, nothing to claim,
-- a key that was used, settings that the caller has not seen.
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
    p_order TEXT,       -- in which order to claim, with which reason, and how many
    p_why TEXT,
    p_count BIGINT,
    p_key TEXT,         -- idempotency key and act, as in replies.py
    p_act TEXT
) RETURNS TEXT LANGUAGE plpgsql SET lock_timeout = '{lock_timeout}' SET enable_seqscan = off AS $$
DECLARE
    v_now BIGINT := COALESCE(p_now, (EXTRACT(EPOCH FROM transaction_timestamp()) * 1000000)::BIGINT);
    v_name TEXT;
    v_lease BIGINT;
    v_counted BOOLEAN;
    v_numbers BIGINT[];
    v_done BIGINT;
    v_unmet INTEGER;
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
    SELECT i.name, i.lease_expires_at, p.descendants_version = p.graph_version
    INTO v_name, v_lease, v_counted
    FROM project p
    JOIN fleet f ON f.project_id = p.project_id
    JOIN instance i ON i.project_id = p.project_id
    WHERE p.project_id = p_project AND p.settings = p_settings AND f.sweep_due_at > v_now
        AND i.number = p_instance AND i.state = 'live' AND i.heartbeat_at BETWEEN v_now - p_beat_us AND v_now
    FOR KEY SHARE OF i;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    IF cardinality(p_todos) > 1 THEN
        v_numbers := ARRAY(SELECT number FROM todo_detail WHERE project_id = p_project AND id = ANY (p_todos));
        {lock_dependents};
    END IF;
    FOR n IN 1 .. cardinality(p_todos) LOOP
        SELECT number INTO v_done FROM todo_detail WHERE project_id = p_project AND id = p_todos[n];
        {complete} INTO v_unmet;
        IF NOT FOUND OR v_unmet > 0 THEN
            RAISE SQLSTATE 'LP001';
        END IF;
        {satisfy};
        IF p_results[n] IS NOT NULL THEN
            {set_result};
        END IF;
        {note_completed};
    END LOOP;

    FOR n IN 1 .. p_count LOOP
        IF p_order = 'critical_path' THEN
            {take_by_critical_path} RETURNING * INTO v_todo;
        ELSE
            {take_by_arrival} RETURNING * INTO v_todo;
        END IF;
        EXIT WHEN NOT FOUND;
        v_why := p_why || ': ' || FLOOR(v_todo.critical_path_minutes + 0.5)::BIGINT
            || ' min to the end, urgency ' || v_todo.urgency;
        {note_claimed};
        SELECT * INTO v_detail FROM todo_detail WHERE project_id = p_project AND number = v_todo.number;
        v_taken := v_taken || json_build_object(
            'number', v_todo.number, 'token', v_todo.token, 'attempt', v_todo.attempts, 'why', v_why);
        v_rows := v_rows || json_build_array( -- the columns of todos.SELECT
            v_todo.number, v_detail.id, v_detail.title, v_detail.description, v_todo.status, v_todo.priority,
            v_todo.urgency, v_todo.branch, v_todo.estimate_minutes, v_todo.critical_path_minutes,
            v_todo.immediate_dependents, CASE WHEN v_counted THEN v_todo.total_descendants ELSE -1 END, v_todo.unmet,
            v_detail.touches, v_detail.needs, v_todo.attempts, v_todo.token, v_name, v_todo.progress_percent,
            v_detail.result, v_detail.created_at, v_todo.claimed_at, v_todo.finished_at, v_detail.former_holder);
        v_after := v_after || to_json(ARRAY(
            SELECT d.id FROM dependency e
            JOIN todo_detail d ON d.project_id = e.project_id AND d.number = e.predecessor
            WHERE e.project_id = p_project AND e.dependent = v_todo.number ORDER BY e.predecessor));
    END LOOP;
    IF p_count > 0 AND cardinality(v_taken) = 0 THEN
        RAISE SQLSTATE 'LP001';
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
