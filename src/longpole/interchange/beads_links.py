"""What the relations between beads issues mean for longpole: who waits for whom, on which branch, set aside why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longpole.errors import InvalidInputError
from longpole.interchange.cycles import break_cycles
from longpole.interchange.safe import load_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.interchange.beads_issue import Issue

OWN_ONLY = "longpole"  # in a relation's metadata: children do not inherit it

_PARENT = ("parent-child", "parent_child", "child-of")
BLOCKS = ("blocks", "blocked-by", "blocks-on")
_DERIVED = ("join", "inherited")
_DERIVED_MAX = 2_000_000
_WARNINGS = 20


class Links:
    """The relations of a file, put together once.

    `given` holds for each todo what the file makes it wait for, with the origin (blocks, waits-for, join, inherited);
    `after` the same without what closes a cycle or was taken out in longpole.
    """

    def __init__(self, issues: Sequence[Issue]) -> None:
        self.issues = {issue.id: issue for issue in issues if issue.id is not None and issue.kind == "issue"}
        self.given: dict[str, dict[str, str]] = {i.todo_id: {} for i in issues if i.todo_id is not None}
        self.counts: dict[str, int] = {}
        self.warnings: list[str] = []
        self._parents: dict[str, list[str]] = {}
        self._children: dict[str, list[str]] = {}
        self._passed_on: dict[str, list[str]] = {}  # issue → todos that its descendants wait for as well
        self._late: list[tuple[Issue, str, Any]] = []  # waits-for: needs all children
        for issue in issues:
            issue.holds = []
        for issue in issues:
            for relation in issue.relations():
                self._take(issue, relation)
        self._wait_for_children()
        self._join()
        self._inherit()
        self.after = self._settle()

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a number of the report."""
        self.counts[name] = self.counts.get(name, 0) + amount

    def todo_id(self, issue_id: Any) -> str | None:
        """The todo of an issue; None if it has none or is not in the file."""
        issue = self.issues.get(str(issue_id))
        return issue.todo_id if issue is not None else None

    def branches(self) -> dict[str, str]:
        """For each issue with a parent the nearest epic above it, else the topmost parent."""
        epic: dict[str, str | None] = {}
        top: dict[str, str] = {}
        for start in self._parents:
            path: dict[str, None] = {}
            at: str | None = start
            while at is not None and at in self._parents and at not in top and at not in path:
                path[at] = None
                at = self._parents[at][0]
            for below in reversed(path):
                parent = self._parents[below][0]
                top[below] = top.get(parent, parent)
                epic[below] = parent if self.issues[parent].type == "epic" else epic.get(parent)
        return {below: epic[below] or top[below] for below in top}

    def _take(self, line: Issue, relation: dict[str, Any]) -> None:
        kind = relation.get("type", "blocks")
        self.count(f"relations.{kind[:50]}")
        target = self.issues.get(relation["depends_on_id"])
        owner = self.issues.get(str(relation.get("issue_id") or line.id))
        if target is None or owner is None:
            self.count("dangling")
        elif target is owner:
            self.count("dropped.self")
        elif kind in BLOCKS:
            self._block(owner, target, own_only=OWN_ONLY in str(relation.get("metadata")))
        elif kind in _PARENT:
            self._adopt(owner, target)
        elif kind == "waits-for":
            self._late.append((owner, str(target.id), relation.get("metadata")))
        elif kind == "conditional-blocks":
            owner.holds.append(f"runs only if {target.id} fails (beads)")
        elif kind == "follows":
            self._warn(f"{owner.id}: the relation 'follows' to {target.id} is kept, but does not block")

    def _block(self, owner: Issue, target: Issue, *, own_only: bool) -> None:
        if target.todo_id is not None:
            self._wait(owner, target.todo_id, "blocks")
            if not own_only:
                self._passed_on.setdefault(str(owner.id), []).append(str(target.id))
        elif target.is_waited_for:
            owner.holds.append(f"waits for {target.id} (beads {target.why_no_todo()}), which is no todo")

    def _adopt(self, child: Issue, parent: Issue) -> None:
        self._parents.setdefault(str(child.id), []).append(str(parent.id))
        self._children.setdefault(str(parent.id), []).append(str(child.id))

    def _wait(self, owner: Issue, todo_id: str, origin: str) -> None:
        if owner.todo_id is None:
            return
        waiting = self.given[owner.todo_id]
        if todo_id in waiting:
            if origin not in _DERIVED:
                self.count("dropped.repeated")
            return
        waiting[todo_id] = origin

    def _wait_for_children(self) -> None:
        for owner, target, metadata in self._late:
            if _gate(metadata) == "any-children":
                owner.holds.append(f"waits for any child of {target} (beads)")
                continue
            for child in self._children.get(target, ()):
                todo_id = self.issues[child].todo_id
                if todo_id is not None and todo_id != owner.todo_id:
                    self._wait(owner, todo_id, "waits-for")

    def _join(self) -> None:
        """Let each parent wait for its children: it is offered last, to be closed."""
        for parent, children in self._children.items():
            for child in children:
                todo_id = self.issues[child].todo_id
                if todo_id is not None:
                    self._wait(self.issues[parent], todo_id, "join")

    def _inherit(self) -> None:
        """Let all that is beneath a blocked parent wait for what the parent waits for, except for one another."""
        budget = _DERIVED_MAX
        for parent, blockers in self._passed_on.items():
            if parent not in self._children or self.issues[parent].is_done or self.issues[parent].todo_id is None:
                continue
            beneath = self._beneath(parent)
            outside = [blocker for blocker in blockers if blocker not in beneath]
            budget -= len(beneath) * (len(outside) + 1)
            if budget < 0:
                raise InvalidInputError("the parents of this file pass on too many dependencies; split the file")
            for child in beneath:
                for blocker in outside:
                    self._wait(self.issues[child], str(self.issues[blocker].todo_id), "inherited")

    def _beneath(self, parent: str) -> dict[str, None]:
        """All descendants in the order met, the parent itself left out."""
        found: dict[str, None] = {}
        waiting = [parent]
        while waiting:
            for child in self._children.get(waiting.pop(), ()):
                if child not in found and child != parent:
                    found[child] = None
                    waiting.append(child)
        return found

    def _settle(self) -> dict[str, list[str]]:
        without = {issue.todo_id: set(issue.without()) for issue in self.issues.values() if issue.own}
        after = {
            todo: [other for other in waiting if other not in without.get(todo, ())]
            for todo, waiting in self.given.items()
        }
        closing = break_cycles(after, lambda todo, other: self.given[todo][other] in _DERIVED).dropped
        leave_out = set(closing)
        for todo in {todo for todo, _ in closing}:
            after[todo] = [other for other in after[todo] if (todo, other) not in leave_out]
        for todo, other in closing:
            origin = self.given[todo][other]
            self.count(f"dropped.{origin}")
            self._warn(f"{todo} does not wait for {other} ({origin}): that would close a cycle")
        for todo, waiting in after.items():
            for other in waiting:
                self.count(f"dependencies.{self.given[todo][other]}")
        return after

    def _warn(self, text: str) -> None:
        if len(self.warnings) < _WARNINGS:
            self.warnings.append(text)
        elif len(self.warnings) == _WARNINGS:
            self.warnings.append("further warnings of this kind are left out")


def _gate(metadata: Any) -> str:
    try:
        value = load_json(metadata) if isinstance(metadata, str) and metadata else metadata
    except InvalidInputError:
        return "all-children"
    gate = value.get("gate") if isinstance(value, dict) else None
    return "any-children" if gate == "any-children" else "all-children"
