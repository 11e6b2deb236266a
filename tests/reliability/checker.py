"""Judges a history: a pure fold over the journal, what the instances were told, and the rows at the end.

The journal is one total order of all acts. Any order of commits that breaks a promise of longpole leaves a trace
in it, or a difference to the acknowledgements or to the rows; each trace is one Violation. Linear in the events.
"""

from __future__ import annotations

import json
from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from longpole.settings import Settings
from tests.project.colliding import DERIVED, obstacles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from longpole.model import Event, Todo

SATISFIED = frozenset({"completed", "cancelled"})


class Rule(StrEnum):
    """What no history may show."""

    CLAIMED_WHILE_HELD = "I1 claimed while another held it"
    CLAIMED_AFTER_DONE = "I2 claimed after it was completed"
    TOKEN_NOT_RISING = "I3 token not above all earlier ones"
    CLAIMED_TOO_EARLY = "I4 claimed before a dependency was completed"
    COMPLETED_TWICE = "I5 completed twice"
    COMPLETED_BY_OTHER = "I6 completed by a non-holder"
    RETURNED_AFTER_DONE = "I7 returned after it was completed"
    RETURNED_FOREIGN = "I8 somebody else's newer claim was ended"
    CLAIM_FORGOTTEN = "I9 acknowledged claim missing in the journal"
    COMPLETION_FORGOTTEN = "I10 acknowledged completion lost or overwritten"
    ROWS_DIFFER = "I11 the rows differ from the journal"
    TWO_HELD = "an instance that asks for one todo at a time holds two"
    CAP_EXCEEDED = "claimed after its attempts were used up"
    DEAD_CLAIMER = "claimed or held by an instance that is not registered"
    REFUSED_BUT_DONE = "an act that was refused took effect"
    CYCLE = "the dependencies run in a circle"
    LEASE_CUT_SHORT = "an instance was given up before its lease had passed"
    LEASE_ETERNAL = "an instance was not given up long after its lease had passed"
    FALSE_IDLE = "told that there is no work although there was some"
    STARVED = "told twice in a row that there is no work while the same todo stood ready for it"
    OVERLAP = "claimed while another held what it touches"
    NOT_OFFERED = "claimed by an instance that does not offer what it needs"
    BRANCH_KEPT_BY_TWO = "a branch was kept to by two instances"
    BRANCH_NOT_FREED = "a branch was left with an instance that is gone"
    QUARANTINED_EARLY = "quarantined before its attempts were used up"
    BROKE_DOWN = "an act ended in an error that it should never give"
    NO_END = "work was left over that nobody was given"


class Violation(NamedTuple):
    """One broken promise; `seq` is the journal's position, 0 where the end of the history shows it."""

    rule: Rule
    seq: int
    text: str


class Ack(NamedTuple):
    """What an instance was told: `act` is claimed, completed, failed, released, idle, or refused (`text` names what).

    With idle, `text` may name what stood ready for it right after the answer, each todo in a word that changes whenever
    it changes hands.

    With `act` "intends" it is what the instance was about to ask for.
    """

    act: str
    instance: str
    todo: str = ""
    token: int = 0
    text: str = ""


def check(
    events: Iterable[Event | Mapping[str, Any]],
    *,
    acks: Iterable[Ack] = (),
    rows: Iterable[Todo] | None = None,
    dependencies: Iterable[tuple[str, str]] = (),
    max_attempts: int | None = None,
    one_each: bool = False,
) -> list[Violation]:
    """List all that is wrong with a history; empty if it is sound.

    `dependencies` are the (predecessor, dependent) pairs there were before the first claim; those that were added
    or taken away later are read in the journal. `one_each`: every instance asks for one todo at a time.
    """
    history = History(dependencies, max_attempts=max_attempts, one_each=one_each)
    for event in events:
        history.add(event if isinstance(event, dict) else event.as_dict())  # type: ignore[union-attr] # see Event
    history.judge_acks(acks)
    history.judge_end(None if rows is None else list(rows))
    return history.violations


def read_acks(path: Path) -> Iterator[Ack]:
    """Read an instance's acknowledgement file; the last line may be torn, since the process was killed."""
    for line in path.read_bytes().split(b"\n")[:-1]:  # what follows the last line feed is torn, or nothing
        fields = json.loads(line)
        if fields["act"] != "intends":
            yield Ack(**fields)


class _Known:
    """What the journal tells of one todo up to the present event."""

    __slots__ = ("attempts", "completed_token", "holder", "holder_number", "status", "token")

    def __init__(self) -> None:
        self.status = "waiting"  # ready or blocked: which of them is computed from the dependencies
        self.holder: str | None = None
        self.holder_number = 0
        self.token = 0
        self.attempts = 0
        self.completed_token: int | None = None


class History:
    """The fold. `violations` grows with each event that breaks a rule."""

    def __init__(
        self, dependencies: Iterable[tuple[str, str]] = (), *, max_attempts: int | None = None, one_each: bool = False
    ) -> None:
        self.violations: list[Violation] = []
        self.claims: dict[tuple[str, int], str | None] = {}  # (todo, token) → instance
        self.completions: set[tuple[str, int]] = set()
        self.ended: dict[str, set[tuple[str, int]]] = defaultdict(set)  # kind → (todo, token)
        self.counts: dict[str, int] = defaultdict(int)
        self._todos: dict[str, _Known] = defaultdict(_Known)
        self._needs: dict[str, set[str]] = defaultdict(set)
        self._holding: dict[str, set[str]] = defaultdict(set)
        self._keepers: dict[str, str] = {}  # branch → instance
        self._branch_tokens: dict[str, int] = defaultdict(int)
        self._live: dict[str, int] = {}  # name → which start of that name
        self._leaving: str | None = None  # who has just gone; the lines that end its claims may follow
        self._starts: dict[str, int] = defaultdict(int)
        self._max_attempts, self._one_each, self._seq = max_attempts, one_each, 0
        for predecessor, dependent in dependencies:
            self._needs[dependent].add(predecessor)

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in the next event of the journal."""
        kind = str(event["kind"])
        self.counts[kind] += 1
        self._seq = event["seq"]
        if self._leaving is not None and kind not in {*_RETURNS, "quarantined"}:
            self._judge_leaving(self._leaving)
        act = _ACTS.get(kind)
        if act is not None:
            act(self, event)

    def status(self, todo: str) -> str:
        """Tell where a todo stands; `waiting` is ready or blocked."""
        return self._todos[todo].status

    def needs(self, todo: str) -> set[str]:
        """Give the dependencies of a todo."""
        return self._needs[todo]

    def judge_acks(self, acks: Iterable[Ack]) -> None:
        """Compare what instances were told with what the journal says."""
        self._seq = 0
        acks = list(acks)
        self._judge_idle(acks)
        for ack in acks:
            place = (ack.todo, ack.token)
            if ack.act == "claimed" and self.claims.get(place) != ack.instance:
                self._broken(Rule.CLAIM_FORGOTTEN, f"{ack}; the journal says {self.claims.get(place)}")
            elif ack.act == "completed" and place not in self.completions:
                self._broken(Rule.COMPLETION_FORGOTTEN, f"{ack} is not in the journal")
            elif ack.act == "completed" and self._overwritten(ack):
                self._broken(Rule.COMPLETION_FORGOTTEN, f"{ack}: it ended as {self._todos[ack.todo].status}")
            elif ack.act == "refused" and self.claims.get(place) == ack.instance and place in self.ended[ack.text]:
                self._broken(Rule.REFUSED_BUT_DONE, f"{ack}")

    def _judge_idle(self, acks: Iterable[Ack]) -> None:
        """Between two answers lies a poll: what stood ready after both stood so all the time."""
        stood_ready: dict[str, set[str]] = {}
        for ack in acks:
            if ack.act == "claimed":
                stood_ready.pop(ack.instance, None)
            elif ack.act == "idle":
                ready = set(ack.text.split())
                if starved := ready & stood_ready.get(ack.instance, set()):
                    self._broken(Rule.STARVED, f"{ack.instance}: {sorted(starved)}")
                stood_ready[ack.instance] = ready

    def judge_end(self, rows: list[Todo] | None, settings: Settings | None = None) -> None:
        """Compare the rows with what the journal makes of them, and look for what nobody can reach any more.

        `settings`: how much there is of what todos take.
        """
        self._seq = 0
        if self._leaving is not None:
            self._judge_leaving(self._leaving)
        if rows is not None:
            self._needs_of_rows(rows)
            busy = [row for row in rows if row.status == "in_progress"]
            for row in rows:
                self._judge_row(row, obstacles(row, busy, settings or Settings()) if row.unmet or row.holds else 0)
        circle = cycle(self._needs)
        if circle:
            self._broken(Rule.CYCLE, " → ".join(circle))

    def _broken(self, rule: Rule, text: str) -> None:
        self.violations.append(Violation(rule, self._seq, text))

    # The acts, one method a kind.

    def _registered(self, event: Mapping[str, Any]) -> None:
        self._starts[event["instance"]] += 1
        self._live[event["instance"]] = self._starts[event["instance"]]

    def _gone(self, event: Mapping[str, Any]) -> None:
        self._live.pop(event["instance"], None)
        self._leaving = event["instance"]

    def _judge_leaving(self, name: str) -> None:
        self._leaving = None
        for todo in self._holding[name]:
            self._broken(Rule.DEAD_CLAIMER, f"{todo} was left with {name}, who is gone")
        for branch in [one for one, keeper in self._keepers.items() if keeper == name]:
            self._broken(Rule.BRANCH_NOT_FREED, f"{branch} was left with {name}, who is gone")

    def _linked(self, event: Mapping[str, Any]) -> None:
        self._needs[event["todo"]].update(_named_dependencies(event))

    def _unlinked(self, event: Mapping[str, Any]) -> None:
        self._needs[event["todo"]].difference_update(_named_dependencies(event))

    def _claimed(self, event: Mapping[str, Any]) -> None:
        name, instance, token = event["todo"], event["instance"], event["token"]
        todo = self._todos[name]
        self._judge_claim(name, todo, instance, token)
        if todo.holder is not None:
            self._holding[todo.holder].discard(name)
        todo.status, todo.holder, todo.token = "in_progress", instance, max(todo.token, token)
        todo.holder_number = self._live.get(instance, -1)
        self.claims[name, token] = instance
        self._holding[instance].add(name)

    def _judge_claim(self, name: str, todo: _Known, instance: str, token: int) -> None:
        if todo.status == "in_progress":
            self._broken(Rule.CLAIMED_WHILE_HELD, f"{name}: {instance} while {todo.holder} holds it")
        elif todo.status in SATISFIED:
            self._broken(Rule.CLAIMED_AFTER_DONE, f"{name}: {instance}, it was {todo.status}")
        if token <= todo.token:
            self._broken(Rule.TOKEN_NOT_RISING, f"{name}: {token} after {todo.token}")
        open_ones = [need for need in self._needs.get(name, ()) if self._todos[need].status not in SATISFIED]
        if open_ones:
            self._broken(Rule.CLAIMED_TOO_EARLY, f"{name}: {instance}, but {open_ones} are not done")
        if self._one_each and self._holding[instance] - {name}:
            self._broken(Rule.TWO_HELD, f"{name}: {instance} holds {self._holding[instance]} already")
        if todo.status == "failed" or (self._max_attempts and todo.attempts >= self._max_attempts):
            self._broken(Rule.CAP_EXCEEDED, f"{name}: attempt {todo.attempts + 1} by {instance}")
        if instance not in self._live:
            self._broken(Rule.DEAD_CLAIMER, f"{name}: {instance}")

    def _branch_kept(self, event: Mapping[str, Any]) -> None:
        name, instance, token = event["data"]["branch"], event["instance"], event["token"]
        if name in self._keepers:
            self._broken(Rule.BRANCH_KEPT_BY_TWO, f"{name}: by {self._keepers[name]} and {instance}")
        if token <= self._branch_tokens[name]:
            self._broken(Rule.TOKEN_NOT_RISING, f"branch {name}: {token} after {self._branch_tokens[name]}")
        if instance not in self._live:
            self._broken(Rule.DEAD_CLAIMER, f"branch {name}: {instance}")
        self._keepers[name], self._branch_tokens[name] = instance, token

    def _branch_freed(self, event: Mapping[str, Any]) -> None:
        name, instance, token = event["data"]["branch"], event["instance"], event["token"]
        if (self._keepers.pop(name, None), self._branch_tokens[name]) != (instance, token):
            self._broken(Rule.RETURNED_FOREIGN, f"branch {name}: {instance} {token}")

    def _completed(self, event: Mapping[str, Any]) -> None:
        name, instance, token = event["todo"], event["instance"], event["token"]
        todo = self._todos[name]
        if todo.status == "completed":
            self._broken(Rule.COMPLETED_TWICE, f"{name}: by {instance} again")
        elif not self._is_holder(todo, instance, token):
            self._broken(Rule.COMPLETED_BY_OTHER, f"{name}: {instance} {token}, held by {todo.holder} {todo.token}")
        self._end(name, todo, "completed")
        todo.completed_token = token
        if token is not None:
            self.completions.add((name, token))
            self.ended["complete"].add((name, token))

    def _is_holder(self, todo: _Known, instance: str | None, token: int | None) -> bool:
        if instance is None:  # by hand: allowed where nobody holds it
            return todo.holder is None
        return todo.holder == instance and todo.token == token and todo.holder_number == self._live.get(instance)

    def _returned(self, event: Mapping[str, Any]) -> None:
        name, instance, token = event["todo"], event["instance"], event["token"]
        todo = self._todos[name]
        if todo.status in SATISFIED:
            self._broken(Rule.RETURNED_AFTER_DONE, f"{name}: {event['kind']} {instance} {token}")
        elif todo.holder != instance or todo.token != token:
            text = f"{name}: {event['kind']} {instance} {token}, held by {todo.holder} {todo.token}"
            self._broken(Rule.RETURNED_FOREIGN, text)
        if event["kind"] != "released":
            todo.attempts += 1
        self.ended[_RETURNS[event["kind"]]].add((name, token))
        self._end(name, todo, "waiting")

    def _quarantined(self, event: Mapping[str, Any]) -> None:
        todo = self._todos[event["todo"]]
        if self._max_attempts and todo.attempts < self._max_attempts:
            self._broken(Rule.QUARANTINED_EARLY, f"{event['todo']}: after {todo.attempts} attempts")
        self._end(event["todo"], todo, "failed")

    def _revived(self, event: Mapping[str, Any]) -> None:
        todo = self._todos[event["todo"]]
        todo.attempts = 0
        todo.completed_token = None
        self._end(event["todo"], todo, "waiting")

    def _cancelled(self, event: Mapping[str, Any]) -> None:
        todo = self._todos[event["todo"]]
        if todo.holder is not None:
            self._broken(Rule.RETURNED_FOREIGN, f"{event['todo']}: cancelled while {todo.holder} holds it")
        self._end(event["todo"], todo, "cancelled")

    def _end(self, name: str, todo: _Known, status: str) -> None:
        if todo.holder is not None:
            self._holding[todo.holder].discard(name)
        todo.status, todo.holder = status, None

    # The end of the history.

    def _overwritten(self, ack: Ack) -> bool:
        """Tell whether a completion was undone, other than by somebody who reopened the todo."""
        todo = self._todos[ack.todo]
        return todo.completed_token == ack.token and todo.status != "completed"

    def _needs_of_rows(self, rows: list[Todo]) -> None:
        for row in rows:
            if set(row.depends_on) != self._needs.get(row.id, set()):
                text = f"{row.id}: depends on {row.depends_on}, journal {sorted(self._needs[row.id])}"
                self._broken(Rule.ROWS_DIFFER, text)
            self._needs[row.id] = set(row.depends_on)

    def _judge_row(self, row: Todo, in_the_way: int) -> None:
        todo = self._todos[row.id]
        status = "waiting" if row.status in {"ready", "blocked"} else str(row.status)
        if (status, row.holder, row.token) != (todo.status, todo.holder, todo.token):
            text = f"{row.id}: row {status} {row.holder} {row.token}, journal {todo.status} {todo.holder} {todo.token}"
            self._broken(Rule.ROWS_DIFFER, text)
        unmet = sum(self._todos[need].status not in SATISFIED for need in row.depends_on)
        if row.status in {"ready", "blocked"} and row.unmet != unmet + len(row.holds):
            self._broken(Rule.ROWS_DIFFER, f"{row.id}: counts {row.unmet}, but {unmet} and {row.holds} are open")
        if row.status in {"ready", "blocked"} and sum(hold.kind in DERIVED for hold in row.holds) != in_the_way:
            self._broken(Rule.ROWS_DIFFER, f"{row.id}: tells of {row.holds}, but {in_the_way} are in its way")
        if row.status == "ready" and (unmet or row.holds):
            self._broken(Rule.ROWS_DIFFER, f"{row.id}: ready, but {unmet} dependencies and {row.holds} are open")
        if row.status == "blocked" and not unmet and not row.holds:
            self._broken(Rule.ROWS_DIFFER, f"{row.id}: blocked, but nothing keeps it waiting")


_RETURNS = {"failed": "fail", "released": "release", "expired": "expire"}
_ACTS: dict[str, Callable[[History, Mapping[str, Any]], None]] = {
    "registered": History._registered,
    "unregistered": History._gone,
    "lost": History._gone,
    "added": History._linked,
    "linked": History._linked,
    "unlinked": History._unlinked,
    "claimed": History._claimed,
    "completed": History._completed,
    "failed": History._returned,
    "released": History._returned,
    "expired": History._returned,
    "quarantined": History._quarantined,
    "retried": History._revived,
    "reopened": History._revived,
    "cancelled": History._cancelled,
    "branch_kept": History._branch_kept,
    "branch_freed": History._branch_freed,
}


def _named_dependencies(event: Mapping[str, Any]) -> list[str]:
    """Give the dependencies that an event names; none where it was told of elsewhere."""
    return list((event["data"] or {}).get("after", ()))


def cycle(needs: Mapping[str, set[str]]) -> list[str]:
    """Give the todos on a circle of dependencies; empty if there is none. Kahn's algorithm, then a walk."""
    open_needs = {name: len(wanted) for name, wanted in needs.items()}
    dependents: dict[str, list[str]] = defaultdict(list)
    for name, wanted in needs.items():
        for need in wanted:
            dependents[need].append(name)
    free = [name for name in {*needs, *dependents} if not open_needs.get(name)]
    while free:
        for name in dependents[free.pop()]:
            open_needs[name] -= 1
            if not open_needs[name]:
                free.append(name)
    caught = {name for name, count in open_needs.items() if count > 0}
    return _walk(needs, caught) if caught else []


def _walk(needs: Mapping[str, set[str]], caught: set[str]) -> list[str]:
    path: list[str] = []
    here = min(caught)
    while here not in path:
        path.append(here)
        here = min(needs[here] & caught)
    return path[path.index(here) :]
