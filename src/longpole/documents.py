"""Values as JSON documents: the shapes that the command line, MCP and HTTP all print."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from longpole.errors import LongpoleError
    from longpole.model import (
        Allocation,
        Branch,
        ClaimedTodo,
        DerivedBranch,
        Event,
        Hold,
        InstanceInfo,
        Prediction,
        Todo,
    )

VERSION = 1


def versioned(content: dict[str, Any]) -> dict[str, Any]:
    """Put the version of the shapes before a document's content."""
    return {"v": VERSION, **content}


def moment(at: int | None) -> str | None:
    """Spell a time as ISO 8601 in UTC, to the millisecond; None stays None."""
    if at is None:
        return None
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at // 1_000_000))}.{at // 1000 % 1000:03d}Z"


def number(value: float | None) -> float | int | None:
    """Spell a whole number of minutes without a fraction."""
    return int(value) if value is not None and value == int(value) else value


def allocation(told: Allocation) -> dict[str, Any]:
    """Shape the answer of `next`."""
    return {
        "claims": [claim(one) for one in told.claims],
        "reason": told.reason,
        "retry_after_s": told.retry_after_s,
        "detail": told.detail,
    }


def claim(claimed: ClaimedTodo) -> dict[str, Any]:
    """Shape one claim: all that an agent needs to begin."""
    todo = claimed.todo
    return {
        "id": todo.id,
        "title": todo.title,
        "description": todo.description,
        "token": claimed.token,
        "why": claimed.why,
        "branch": todo.branch,
        "estimate_minutes": number(todo.estimate_minutes),
        "critical_path_minutes": number(todo.critical_path_minutes),
        "depends_on": list(todo.depends_on),
        "touches": list(todo.touches),
        "attempt": claimed.attempt,
        "lease_expires_at": moment(claimed.lease_expires_at),
    }


def todo(one: Todo) -> dict[str, Any]:
    """Shape a todo with all that is known of it."""
    return {
        "id": one.id,
        "title": one.title,
        "description": one.description,
        "status": one.status,
        "priority": one.priority,
        "urgency": one.urgency,
        "branch": one.branch,
        "estimate_minutes": number(one.estimate_minutes),
        "critical_path_minutes": number(one.critical_path_minutes),
        "immediate_dependents": one.immediate_dependents,
        "total_descendants": one.total_descendants,
        "unmet": one.unmet,
        "depends_on": list(one.depends_on),
        "touches": list(one.touches),
        "needs": list(one.needs),
        "holds": [hold(found) for found in one.holds],
        "attempts": one.attempts,
        "token": one.token,
        "holder": one.holder,
        "progress_percent": one.progress_percent,
        "result": one.result,
        "created_at": moment(one.created_at),
        "claimed_at": moment(one.claimed_at),
        "finished_at": moment(one.finished_at),
        "former_holder": one.former_holder,
        "kind": one.kind,
        "opens_at": moment(one.opens_at),
    }


def prediction(one: Prediction) -> dict[str, Any]:
    """Shape a todo that becomes ready, with what it takes and when that may be."""
    return {
        "todo": todo(one.todo),
        "expected_minutes": number(one.expected_minutes),
        "expected_at": moment(one.expected_at),
        "after": list(one.after),
    }


def hold(one: Hold) -> dict[str, Any]:
    """Shape a hold."""
    return {"kind": one.kind, "reason": one.reason, "until_at": moment(one.until_at)}


def instance(one: InstanceInfo) -> dict[str, Any]:
    """Shape an instance."""
    return {
        "name": one.name,
        "number": one.number,
        "state": one.state,
        "registered_at": moment(one.registered_at),
        "heartbeat_at": moment(one.heartbeat_at),
        "lease_expires_at": moment(one.lease_expires_at),
        "host": one.host,
        "process_id": one.process_id,
        "offers": list(one.offers),
        "holding": list(one.holding),
        "leads_in_term": one.leads_in_term,
        "assigned": one.assigned,
    }


def branch(one: Branch) -> dict[str, Any]:
    """Shape a branch."""
    return {
        "branch": one.name,
        "counts": one.counts,
        "remaining_minutes": number(one.remaining_minutes),
        "holder": one.holder,
        "held_at": moment(one.held_at),
        "token": one.token,
        "pause": one.pause,
        "cap": one.cap,
        "todos": list(one.todos),
    }


def derived_branch(one: DerivedBranch) -> dict[str, Any]:
    """Shape a branch that was found in the graph."""
    return {"branch": one.name, "minutes": number(one.minutes), "todos": list(one.todos)}


def event(one: Event) -> dict[str, Any]:
    """Shape an event of the journal."""
    return versioned(
        {
            "seq": one.seq,
            "at": moment(one.at),
            "kind": one.kind,
            "todo": one.todo,
            "instance": one.instance,
            "token": one.token,
            "why": one.why,
            "data": one.data,
            "cursor": one.cursor,
        }
    )


def error(one: LongpoleError) -> dict[str, Any]:
    """Shape an error: its stable code, its message, and what else a machine may want to know."""
    return versioned({"error": {"code": one.code, "message": str(one), **one.details()}})
