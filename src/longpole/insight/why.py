"""Why a todo is ready, blocked, in somebody's hands, or finished."""

from __future__ import annotations

from longpole.insight import reasons
from longpole.insight.reasons import SHOWN
from longpole.insight.rules import rule_of
from longpole.model import PENDING, Status
from longpole.store import given, holds, instances, needs, places, todos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.insight.rules import Rule
    from longpole.model import Todo
    from longpole.store import Store
    from longpole.store.dialect import Transaction
    from longpole.store.given import Given
    from longpole.store.places import Place

MAX_DEPTH = 10_000
COORDINATIONS = {
    "optimistic": "who asked picked and claimed it in one step",
    "work_queue": "it was the first that was left in the ranking for everybody",
    "leader": "whoever led had assigned it",
    "optimistic_loop": "who asked read what was ready, and tried one after the other",
    "optimistic_random": "who asked read what was ready, and tried one of the first at random",
}
"""What each mechanism means for a claim. Its name is the first word of the claim's reason; optimistic does without."""
PASSING = (holds.CONFLICT, holds.PAUSED)
"""Kinds of holds without an end of their own that strand nobody."""
BY_HAND = ("asked for by ", "taken over", "yours already")
"""How the reasons of claims begin that no strategy chose."""


def explain(store: Store, todo_id: str) -> tuple[Todo, str, tuple[str, ...]]:
    """Give the todo, one sentence that says why it stands where it does, and lines of detail.

    Raises UnknownTodoError.
    """
    rule = rule_of(store.look(store.state).settings)
    return store.look(lambda tx: _explain(tx, todo_id, rule))


def _explain(tx: Transaction, todo_id: str, rule: Rule) -> tuple[Todo, str, tuple[str, ...]]:
    number = todos.number_of(tx, todo_id)
    todo = todos.by_number(tx, number)
    summary, lines = _ABOUT[todo.status](tx, number, todo, rule)
    if todo.status not in PENDING:
        return todo, summary, tuple(lines)
    measures = (
        f"critical path {todo.critical_path_minutes:g} min, urgency {todo.urgency}"
        f" (own priority {todo.priority}), todos that wait for it directly: {todo.immediate_dependents}"
    )
    return todo, summary, (*lines, measures)


def _blocked(tx: Transaction, number: int, todo: Todo, _rule: Rule) -> tuple[str, list[str]]:
    waited_for, lines = todos.waited_for(tx, number), reasons.in_the_way(tx, number, todo)
    causes = _causes(tx, waited_for)
    if causes:
        return f"{todo.id} is stuck: {', '.join(causes)} in its way", lines
    if not waited_for:
        return f"{todo.id} is blocked: {'; '.join(lines)}", lines
    return f"{todo.id} is blocked: it waits for {', '.join(one.id for one in waited_for[:SHOWN])}", lines


def _ready(tx: Transaction, number: int, todo: Todo, rule: Rule) -> tuple[str, list[str]]:
    if lines := reasons.in_the_way(tx, number, todo):
        return f"{todo.id} is ready, but is not given out: {'; '.join(lines)}", [*lines, *_attempts(todo)]
    found = places.place(tx, number, needs.met_by(tx, needs.spelled(todo.needs)), rule.order)
    summary = f"{todo.id} is ready: nothing is in its way, and by {_spoken(rule)} {_place(found)}"
    name = places.assigned_to(tx, number)
    assigned = [f"a leader has assigned it to {name}, who may take it up first"] if name else []
    return summary, [*assigned, _told(rule), *_attempts(todo)]


def _in_progress(tx: Transaction, number: int, todo: Todo, rule: Rule) -> tuple[str, list[str]]:
    lines = [*_chosen(given.last(tx, number), todo), _compared(tx, todo, rule)]
    if todo.progress_percent is not None:
        lines.append(f"{todo.progress_percent} % done")
    return f"{todo.id} is in progress: {todo.holder} holds it with token {todo.token}", [*lines, *_attempts(todo)]


def _failed(_tx: Transaction, _number: int, todo: Todo, _rule: Rule) -> tuple[str, list[str]]:
    reason = f": {todo.result}" if todo.result else ""
    revive = f"`longpole retry {todo.id}` gives it its attempts again"
    return f"{todo.id} has failed after {todo.attempts} attempts{reason}", [revive]


def _finished(tx: Transaction, number: int, todo: Todo, _rule: Rule) -> tuple[str, list[str]]:
    lines = [f"result: {todo.result}"] if todo.result else []
    claim = given.last(tx, number) if todo.token else None
    if claim:
        lines.append(f"{claim.instance} had it last, by the rule {claim.why}")
    return f"{todo.id} is {todo.status}; `longpole reopen {todo.id}` takes it up again", lines


_ABOUT = {
    Status.BLOCKED: _blocked,
    Status.READY: _ready,
    Status.IN_PROGRESS: _in_progress,
    Status.FAILED: _failed,
    Status.COMPLETED: _finished,
    Status.CANCELLED: _finished,
}


def _chosen(claim: Given | None, todo: Todo) -> list[str]:
    """Say which rule chose a todo that is held: its strategy with the figures of that time, and its coordination."""
    if claim is None:
        return [f"it was given long ago; `longpole journal --todo {todo.id}` tells by which rule"]
    lines = [f"given by the rule {claim.why}"]
    if not claim.why.startswith(BY_HAND):
        name = claim.why.partition(" ")[0]
        coordination = name if name in COORDINATIONS else "optimistic"
        lines.append(f"coordination {coordination}: {COORDINATIONS[coordination]}")
    met = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in claim.met.items())
    return [*lines, f"before it came: {met}"] if met else lines


def _compared(tx: Transaction, todo: Todo, rule: Rule) -> str:
    """Say what its holder could have now in its place."""
    lease = instances.named(tx, todo.holder or "")
    found = places.best(tx, needs.met_by(tx, lease.offers), rule.order) if lease else None
    if found is None:
        return "nothing else is ready now that its holder could have"
    return (
        f"of what is ready now {found.id} would come first by {_spoken(rule)}:"
        f" {found.critical_path_minutes:.0f} min to the end, urgency {found.urgency}"
    )


def _spoken(rule: Rule) -> str:
    return rule.strategy if rule.is_for_everybody else "critical path"


def _told(rule: Rule) -> str:
    depends = "" if rule.is_for_everybody else ", which looks at who asks as well"
    return f"the project's rule: {rule.strategy}{depends}; coordination {rule.coordination}"


def _place(found: Place) -> str:
    if found.ahead == 0:
        return "it is the next to be given out"
    names = ", ".join(found.first)
    if found.ahead is None:
        return f"more than {places.MOST} ready todos come before it, the first are {names}"
    more = ", …" if found.ahead > len(found.first) else ""
    return f"{found.ahead} ready {'todo comes' if found.ahead == 1 else 'todos come'} before it: {names}{more}"


def _causes(tx: Transaction, waited_for: list[Todo]) -> list[str]:
    """Name the failed and the held todos above, nearest first: what will not go away by itself."""
    causes: list[str] = []
    seen, front = {one.id for one in waited_for}, list(waited_for)
    while front and len(causes) < SHOWN and len(seen) < MAX_DEPTH:
        causes += [f"{one.id} (failed)" for one in front if one.status == Status.FAILED]
        held = ((one, hold) for one in front for hold in one.holds if hold.until_at is None)
        causes += [f"{one.id} (held: {hold.reason})" for one, hold in held if hold.kind not in PASSING]
        above = todos.all_waited_for(tx, [one.id for one in front if one.status == Status.BLOCKED])
        front = [one for one in above if one.id not in seen]
        seen.update(one.id for one in front)
    return causes


def _attempts(todo: Todo) -> list[str]:
    return [f"attempt {todo.attempts}"] if todo.attempts > 1 else []
