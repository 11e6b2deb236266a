"""Random histories of todos that are in each other's way: what each waits for is counted anew after every act."""

from __future__ import annotations

import contextlib
import random
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import longpole
from longpole.errors import (
    AlreadyClaimedError,
    ClaimLostError,
    InstanceLostError,
    InvalidInputError,
    LongpoleError,
    NotReadyError,
)
from longpole.store import claims, conflicts, edits, rebuilding
from tests import postgres
from tests.conftest import FakeClock
from tests.project import colliding
from tests.reliability.mutants import code

PATHS = ("a", "./a/", "a//b", "a/b/c.py", "ab", "a/*.py", "a/b/**/x", "é/b", ".", "b/[id].tsx", "b")
TOUCHES = (
    *PATHS,
    *({"path": path, "mode": "read"} for path in PATHS),
    *({"resource": name, "amount": amount} for name in "xy" for amount in (1, 2, 3)),
)
BRANCHES = (None, None, "left", "right")
LIMITS = ("resource.x", "resource.y", "cap.left", "cap.right")
BEFORE = {"resource.x": 3, "resource.y": 2, "cap.left": 1}


class History:
    """A project and its instances; each act is one that somebody might do. It may be refused, but seldom is."""

    def __init__(self, url, attempts):
        self.clock = FakeClock()
        self.project = longpole.open(url, clock=self.clock, project=f"history {uuid.uuid4()}")
        self.project.configure(max_attempts=attempts, lease_s=60, durability="normal", **BEFORE)
        self.instances = [self.project.register(f"i{number}", heartbeat=False) for number in range(3)]
        self.claims = []

    def todo(self, pick, *statuses):
        """The id of a todo of these statuses, of any if there is none."""
        todos = self.project.todos()
        fitting = [todo.id for todo in todos if todo.status in statuses] or [todo.id for todo in todos]
        return fitting[pick % len(fitting)]

    def instance(self, pick):
        return self.instances[pick % len(self.instances)]

    def claim_of(self, pick):
        """A claim that stands; one of former days if there is none."""
        tokens = {todo.id: todo.token for todo in self.project.todos(status="in_progress")}
        standing = [claim for claim in self.claims if tokens.get(claim.id) == claim.token] or self.claims
        return standing[pick % len(standing)]

    def add(self, touches, branch, pick, count):
        after = [self.todo(pick)] if self.project.todos() and pick % 3 == 0 else []
        new = {"title": "T", "touches": touches, "branch": branch, "after": after}
        self.project.add_many([new] * count)

    def claim(self, pick, count):
        self.claims += self.instance(pick).claim(count=count)

    def claim_one(self, pick, which):
        self.claims.append(self.instance(pick).claim_todo(self.todo(which, "ready")))

    def register(self, pick):
        self.instance(pick).unregister()
        self.instances[pick % len(self.instances)] = self.project.register(f"again {uuid.uuid4()}", heartbeat=False)

    def wait(self, seconds):
        """Two of the instances beat in time, the last does not."""
        for part in (seconds / 2, seconds / 2):
            self.clock.advance(part)
            for one in self.instances[:2]:
                one.heartbeat()
        live = {one.name for one in self.project.instances()}
        self.instances = [one if one.name in live else self.project.register(heartbeat=False) for one in self.instances]


def a_pick(rng):
    return rng.randrange(1000)


def some_touches(rng):
    return [rng.choice(TOUCHES) for _ in range(rng.randint(0, 3))]


def a_branch(rng):
    return rng.choice(BRANCHES)


def one_or_two(rng):
    return rng.randint(1, 2)


OFTEN: dict[str, tuple[Any, ...]] = {
    "add": (3, some_touches, a_branch, a_pick, one_or_two),
    "claim": (4, a_pick, one_or_two),
    "claim_one": (1, a_pick, a_pick),
    **dict.fromkeys(("complete", "complete_and_claim", "release", "fail"), (1, a_pick)),
    **dict.fromkeys(("cancel", "cascade", "by_hand"), (0.5, a_pick)),
    **dict.fromkeys(("reopen", "retry", "hold", "lift"), (0.7, a_pick)),
    "touches": (2, a_pick, some_touches),
    "branch": (1, a_pick, a_branch),
    "configure": (2, lambda rng: rng.choice(LIMITS), lambda rng: rng.choice([None, 0, 1, 2, 4])),
    "register": (0.5, a_pick),
    "wait": (0.5, lambda rng: rng.choice([2, 70])),
}
"""How often each act is drawn, and from what its details are."""


def drawn(rng, count):
    """Draw so many acts."""
    names = rng.choices(list(OFTEN), [weight for weight, *_ in OFTEN.values()], k=count)
    return [(name, *(draw(rng) for draw in OFTEN[name][1:])) for name in names]


DO = {
    **{name: getattr(History, name) for name in ("add", "claim", "claim_one", "register", "wait")},
    "complete": lambda self, pick: self.claim_of(pick).complete(),
    "complete_and_claim": lambda self, pick: self.claims.extend(self.claim_of(pick).complete_and_claim()),
    "release": lambda self, pick: self.claim_of(pick).release(),
    "fail": lambda self, pick: self.claim_of(pick).fail("broken"),
    "cancel": lambda self, pick: self.project.cancel(self.todo(pick, "blocked", "ready", "failed")),
    "cascade": lambda self, pick: self.project.cancel(self.todo(pick, "blocked", "failed"), cascade=True),
    "by_hand": lambda self, pick: self.project.complete(self.todo(pick, "blocked", "ready", "failed")),
    "reopen": lambda self, pick: self.project.reopen(self.todo(pick, "completed", "cancelled")),
    "retry": lambda self, pick: self.project.retry(self.todo(pick, "failed")),
    "hold": lambda self, pick: self.project.hold(self.todo(pick, "blocked", "ready"), "not yet"),
    "lift": lambda self, pick: self.project.lift(self.todo(pick, "blocked")),
    "touches": lambda self, pick, touches: self.project.edit(self.todo(pick), touches=touches),
    "branch": lambda self, pick, branch: self.project.edit(self.todo(pick), branch=branch),
    "configure": lambda self, name, value: self.project.configure(**{name: value}),
}
REFUSALS = (InvalidInputError, AlreadyClaimedError, ClaimLostError, InstanceLostError, NotReadyError)
NEEDS_CLAIM = ("complete", "complete_and_claim", "release", "fail")
NEEDS_NO_TODO = ("add", "claim", "configure", "register", "wait")


def possible(history, act):
    if act in NEEDS_CLAIM:
        return bool(history.claims)
    return act in NEEDS_NO_TODO or bool(history.project.todos())


def stored(project):
    with project._store.read() as tx:
        kept = "SELECT number, status, unmet, exclusive FROM todo WHERE project_id = ? AND {} ORDER BY number"
        return [
            tx.all(kept.format("status NOT IN ('completed', 'cancelled')"), (tx.project_id,)),
            tx.all("SELECT number, unmet FROM todo WHERE project_id = ? ORDER BY number", (tx.project_id,)),
            tx.all("SELECT path, number, writes FROM touch WHERE project_id = ? ORDER BY 1, 2", (tx.project_id,)),
            tx.all("SELECT resource, number, amount FROM demand WHERE project_id = ? ORDER BY 1, 2", (tx.project_id,)),
        ]


@pytest.fixture(scope="module")
def server_url(postgres_server):
    with postgres.schema(postgres_server) as url:
        yield url


def play(url, acts, attempts):
    """Do these acts one after another, and count after each what every todo waits for."""
    history = History(url, attempts)
    with history.project as project:
        for act, *details in acts:
            if not possible(history, act):
                continue
            with contextlib.suppress(*REFUSALS):
                DO[act](history, *details)
            assert colliding.untrue(project) == [], (act, details)
            assert colliding.colliding(project.todos()) == [], (act, details)
        before = stored(project)
        project._store.act(rebuilding.rebuild)
        assert stored(project) == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rng=st.randoms(use_true_random=False), count=st.integers(10, 40), attempts=st.integers(1, 2))
def test_every_todo_waits_for_what_is_in_its_way_and_for_nothing_else(rng, count, attempts):
    play(":memory:", drawn(rng, count), attempts)


@pytest.mark.parametrize("seed", range(8))
def test_so_it_does_on_postgresql(server_url, seed):
    play(server_url, drawn(random.Random(seed), 40), 1 + seed % 2)


MUTANTS = {
    "a claim holds nobody back": (conflicts, "hold_others_back", "more=1", "more=0"),
    "a claim holds back those that are done": (conflicts, "_wait_for_more", "more, int", "abs(more), int"),
    "a completed claim lets nobody go": (claims, "complete", "if exclusive:", "if exclusive > 1:"),
    "a returned claim lets nobody go": (claims, "give_back", "if is_exclusive and", "if is_exclusive > 1 and"),
    "what is returned does not wait itself": (conflicts, "given_back", "if waits:", "if waits > 100:"),
    "a cancelled todo still wants its paths": (edits, "_finish", "if row and row[0]:", "if not row:"),
    "what is opened again wants nothing": (edits, "reopen", "conflicts.revived(tx, number)", "pass"),
    "an edit of touches counts for nothing": (edits, "edit", 'or "touches" in changes', ""),
    "an edit of a branch counts for nothing": (edits, "edit", '"branch" in changes or "touches"', '"touches"'),
    "a claim under way may be edited": (conflicts, "edited", "status == Status.IN_PROGRESS and", "not tx and"),
    "a new todo does not see what is taken": (conflicts, "added", "if taken else {}", "if not taken else {}"),
    "folders above do not count": (conflicts, "_shift_overlapping", "paths.above(path)", "()"),
    "readers are in each other's way": (conflicts, "_shift_overlapping", "if writes for", "for"),
    "a resource is taken by nobody": (conflicts, "_shift_resources", "before=left + more * amount", "before=left"),
    "new capacities count for nothing": (conflicts, "_capacity_changed", "if before != after:", "if before is None:"),
    "a new limit overlooks what is in progress": (conflicts, "_limit_changed", "tx.run(MARK", "(lambda *_: 0)(MARK"),
    "an ended limit stays": (conflicts, "_limit_changed", "if not after:", "if after is None:"),
}


def attempt():
    for seed in range(60):
        play(":memory:", drawn(random.Random(seed), 50), 1 + seed % 2)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_bug_in_the_counting_would_be_found(mutant, monkeypatch):
    code(*MUTANTS[mutant])(monkeypatch)

    with pytest.raises((AssertionError, LongpoleError)):
        attempt()


def test_without_a_bug_the_same_histories_are_in_order():
    attempt()
