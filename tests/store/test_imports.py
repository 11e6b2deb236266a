from __future__ import annotations

import subprocess
import sys

import pytest

NOT_NEEDED = ("longpole.graph", "longpole.interchange", "longpole.insight", "longpole.cli", "longpole.runner")
SLOW = ("click", "rich", "yaml", "dataclasses", "typing", "threading", "asyncio", "logging", "pathlib", "inspect")
IMPORT = "import longpole.project"
ACT = """
import longpole.project
with longpole.project.open(":memory:") as project:
    with project._store.write() as tx:
        tx.run("INSERT INTO todo (project_id, number, status, unmet, priority, urgency, critical_path_minutes,"
               " total_descendants, immediate_dependents, rank) VALUES (1, 1, 'ready', 0, 2, 2, 1, 0, 0, 0)")
        tx.run("INSERT INTO todo_detail (project_id, number, id, title, description, created_at)"
               " VALUES (1, 1, 'a', 'A', '', 0)")
    me = project.instance_or_register("me")
    (claim,) = me.claim()
    claim.release()
    me.heartbeat()
    (claim,) = me.claim()
    claim.fail("broken")
    me.unregister()
"""


@pytest.mark.parametrize("script", [IMPORT, ACT], ids=["import", "act"])
def test_claims_import_nothing_that_they_do_not_need(script):
    bare = loaded("pass")

    ours = loaded(script) - bare

    assert "longpole.store.sqlite" in ours or script == IMPORT
    assert sorted(name for name in ours if name.startswith(NOT_NEEDED) or name in SLOW) == []


def loaded(script):
    """The modules that an interpreter has after a script; -S, so that no .pth file of the machine imports along."""
    paths = [entry for entry in sys.path if entry]
    command = f"import sys; sys.path[:] = {paths!r}\n{script}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-S", "-c", command], check=True, capture_output=True, text=True)
    return set(done.stderr.split())
