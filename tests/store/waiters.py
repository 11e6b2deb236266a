"""Somebody who works, and somebody who waits for work meanwhile."""

from __future__ import annotations

import threading

from tests.project.looking import plan

LONG_S = 60.0


def busy(project):
    """Let somebody work on something, so that it is worth waiting for more."""
    plan(project, {"long": []})
    return project.register("busy", heartbeat=False).claim()


def waiting(project, name):
    """A thread in which an instance waits for work, and the list that its answer will be in."""
    me, got = project.register(name, heartbeat=False), []
    thread = threading.Thread(target=lambda: got.extend(me.claim(wait_s=LONG_S)))
    thread.start()
    return thread, got
