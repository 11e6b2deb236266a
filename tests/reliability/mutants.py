"""Planted bugs: each one takes a guard out of the real code, and the checker has to notice that it is gone.

A mutant replaces a piece of a statement or of a function in memory; the replacement is refused if that piece is not
there, so a mutant cannot outlive the code that it was made for.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from longpole import strategies
from longpole.coordination import acts, leader, work_queue
from longpole.instances import failure, registration
from longpole.model import EventKind
from longpole.store import claims, conflicts, edits, instances, journal, needs, picks, queue, replies
from longpole.transitions import Act
from tests.reliability.checker import Rule

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    import pytest

FENCE = "AND holder = ? AND token = ? AND status = 'in_progress'"
NO_FENCE = "AND ? IS NOT NULL AND ? IS NOT NULL"


class Mutant(NamedTuple):
    """A bug and how it is planted; `rules` are those that it breaks: one of them has to turn red.

    `settings`: those of a project in whose schedules it shows; None: those of any.
    """

    name: str
    plant: Callable[[pytest.MonkeyPatch], None]
    rules: frozenset[Rule]
    settings: dict[str, object] | None = None


def statement(module: ModuleType, name: str, old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Give what replaces a piece of an SQL constant."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        text = getattr(module, name)
        assert old in text, f"{module.__name__}.{name} has no {old!r} any more; make this mutant anew"
        monkeypatch.setattr(module, name, text.replace(old, new))

    return plant


def code(module: ModuleType, name: str, old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Give what replaces a piece of a function's source."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        text = textwrap.dedent(inspect.getsource(getattr(module, name)))
        assert old in text, f"{module.__name__}.{name} has no {old!r} any more; make this mutant anew"
        made: dict[str, Any] = {}
        exec(compile(text.replace(old, new), f"mutant of {name}", "exec"), vars(module), made)
        monkeypatch.setattr(module, name, made[name])

    return plant


def strategy(name: str, old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Give what replaces a piece of a built-in strategy."""
    module = sys.modules[strategies.BUILT_IN[name].__module__]

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        code(module, "choose", old, new)(monkeypatch)
        monkeypatch.setitem(strategies.BUILT_IN, name, module.choose)

    return plant


def both(*plants: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
    """Give what plants several pieces of one bug."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        for one in plants:
            one(monkeypatch)

    return plant


def stale_ready_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claim from a list of ready todos that was read up to a minute ago."""
    blind = picks.BY_NUMBER.replace("AND status = 'ready'", "")
    assert blind != picks.BY_NUMBER
    cache: dict[str, Any] = {"project": None, "numbers": [], "read_at": 0}

    def take(tx: Any, selection: Any, claimer: claims.Claimer, **_: bool) -> claims.Taken | None:
        if cache["project"] is not tx._clock or not cache["numbers"] or abs(tx.now - cache["read_at"]) > 60_000_000:
            ready = tx.all("SELECT number FROM todo WHERE project_id = ? AND status = 'ready'", (tx.project_id,))
            cache.update(project=tx._clock, numbers=[row[0] for row in ready], read_at=tx.now)
        if not cache["numbers"]:
            return None
        number = cache["numbers"].pop(0)
        return claims._taken(
            tx, tx.one(blind, (claimer.holder, tx.now, 0, tx.project_id, number, "[0]")), claimer.holder, selection.why
        )

    monkeypatch.setattr(claims, "take", take)


def specified_failure_handling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do as the specification's handleFailedInstance does: look, and only later, whatever has happened, write."""
    seen: dict[str, Any] = {"project": None, "expired": []}

    def sweep(tx: Any, _state: Any) -> list[str]:
        due = seen["expired"] if seen["project"] is tx._clock else []
        for lease, held in due:
            _release_all_locks(tx, held)
            instances.end(tx, lease.number, Act.EXPIRE, "it did not beat")
        expired = instances.expired(tx)
        seen.update(project=tx._clock, expired=[(lease, claims.held_by(tx, lease.number)) for lease in expired])
        return [lease.name for lease, _ in due]

    monkeypatch.setattr(failure, "sweep", sweep)


def _release_all_locks(tx: Any, held: list[claims.Held]) -> None:
    for one in held:
        tx.run(
            "UPDATE todo SET status = 'ready', holder = NULL WHERE project_id = ? AND number = ?",
            (tx.project_id, one.number),
        )
        journal.write(tx, EventKind.EXPIRED, todo=one.number, instance=one.holder, token=one.token)


def client_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stamp heartbeats with the clock of the client, which is as wrong as clients' clocks are."""
    for name in ("beat", "register"):
        code(instances, name, "tx.now + microseconds(lease_s)", "tx.now + SKEWS[number % 6] + microseconds(lease_s)")(
            monkeypatch
        )
    skews_us = tuple(second * 1_000_000 for second in (0, 0, 0, -30, 30, 400))
    monkeypatch.setattr(instances, "SKEWS", skews_us, raising=False)


def stale_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everybody take from the ranking as it was, whatever has become ready since."""
    monkeypatch.setattr(queue, "is_new", lambda *_: False)
    monkeypatch.setattr(work_queue._Queue, "_take_unranked", lambda *_: None)


def assignments_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is assigned for whom it is assigned to, whether it ever asks or not."""
    monkeypatch.setattr(leader, "YIELD_US", 1 << 60)
    monkeypatch.setattr(leader, "POLL_S", 1e9)


def whatever_it_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give todos to whoever asks, whatever they need."""
    monkeypatch.setattr(needs, "met_by", lambda tx, _: (0, *(number for number, _ in needs._sets(tx))))


MUTANTS = (
    Mutant(
        "no fence on complete",
        statement(claims, "COMPLETE", FENCE, NO_FENCE),
        frozenset({Rule.COMPLETED_BY_OTHER, Rule.COMPLETED_TWICE}),
    ),
    Mutant(
        "unconditional release",
        statement(claims, "GIVE_BACK", FENCE, NO_FENCE),
        frozenset({Rule.RETURNED_FOREIGN, Rule.RETURNED_AFTER_DONE}),
    ),
    Mutant(
        "check, then act",
        statement(picks, "BY_NUMBER", "AND status = 'ready'", ""),
        frozenset({Rule.CLAIMED_WHILE_HELD, Rule.CLAIMED_AFTER_DONE}),
    ),
    Mutant("wall clock of the client", client_clock, frozenset({Rule.LEASE_CUT_SHORT, Rule.LEASE_ETERNAL})),
    Mutant(
        "no idempotency key",
        code(replies, "find", "if key is None:", "if True:"),
        frozenset({Rule.TWO_HELD, Rule.REFUSED_BUT_DONE}),
    ),
    Mutant(
        "stale cache of ready todos",
        stale_ready_cache,
        frozenset({Rule.CLAIMED_WHILE_HELD, Rule.CLAIMED_AFTER_DONE, Rule.CLAIMED_TOO_EARLY}),
    ),
    Mutant(
        "no cycle check",
        code(edits, "link", "measures.settle(", "(lambda *_: None)("),
        frozenset({Rule.CYCLE, Rule.NO_END}),
    ),
    Mutant(
        "release by owner only",
        statement(claims, "GIVE_BACK", "AND token = ?", "AND ? IS NOT NULL"),
        frozenset({Rule.RETURNED_FOREIGN}),
    ),
    Mutant(
        "no attempt cap",
        code(claims, "give_back", "attempts >= settings.max_attempts", "attempts < 0"),
        frozenset({Rule.CAP_EXCEEDED}),
    ),
    Mutant(
        "handleFailedInstance as specified",
        specified_failure_handling,
        frozenset({Rule.RETURNED_AFTER_DONE, Rule.RETURNED_FOREIGN}),
    ),
    Mutant(
        "a claim does not ask whether its instance is live",
        code(
            acts,
            "present",
            "raise InstanceLostError",
            "lease = instances.Lease(number=number, name='gone', heartbeat_at=tx.now, lease_expires_at=tx.now)",
        ),
        frozenset({Rule.DEAD_CLAIMER}),
    ),
    Mutant(
        "a heartbeat of a lost instance is silent",
        code(registration, "beat", "raise InstanceLostError", "return 0"),
        frozenset({Rule.DEAD_CLAIMER}),
    ),
    Mutant(
        "a lost instance keeps its claims until somebody looks",
        code(failure, "retire", "claims.give_back(tx, held, how, why=why, settings=settings)", "pass"),
        frozenset({Rule.DEAD_CLAIMER}),
    ),
    Mutant(
        "no grace after a jump of the clock",
        code(failure, "sweep", "if jumped:", "if jumped and not jumped:"),
        frozenset({Rule.LEASE_CUT_SHORT, Rule.LEASE_ETERNAL}),
    ),
    Mutant(
        "dependents are freed by their first dependency",
        statement(claims, "SATISFIED", "unmet = 1 AND", "unmet >= 1 AND"),
        frozenset({Rule.CLAIMED_TOO_EARLY}),
    ),
    Mutant(
        "dependents are not freed at all",
        statement(claims, "SATISFIED", "unmet = 1 AND", "unmet = 0 AND"),
        frozenset({Rule.NO_END}),
    ),
    Mutant(
        "a claim leaves the token as it is",
        both(
            statement(picks, "BY_NUMBER", "token = token + 1", "token = token"),
            lambda monkeypatch: monkeypatch.setattr(
                picks,
                "FIRST_READY",
                {order: text.replace("token + 1", "token") for order, text in picks.FIRST_READY.items()},
            ),
        ),
        frozenset({Rule.TOKEN_NOT_RISING}),
    ),
    Mutant(
        "a released claim counts as an attempt",
        code(claims, "give_back", "(int(act is Act.RELEASE), ", "(0, "),
        frozenset({Rule.QUARANTINED_EARLY}),
    ),
    Mutant(
        "reopening does not block the dependents again",
        code(
            edits,
            "reopen",
            "unmet = unmet + 1, status = CASE WHEN status = 'ready' THEN",
            "status = CASE WHEN 1=0 THEN",
        ),
        frozenset({Rule.CLAIMED_TOO_EARLY, Rule.BROKE_DOWN}),
    ),
    Mutant(
        "an average share is too much",
        strategy("load_balanced", "mine.active_todos > todos + settings.balance_todos", "mine.active_todos >= todos"),
        frozenset({Rule.FALSE_IDLE}),
        {"strategy": "load_balanced"},
    ),
    Mutant(
        "to one's branches and nowhere else",
        strategy("branch_affinity", "free, anything]", "free]"),
        frozenset({Rule.FALSE_IDLE}),
        {"strategy": "branch_affinity"},
    ),
    Mutant(
        "a ranking that nothing new gets into",
        stale_ranking,
        frozenset({Rule.FALSE_IDLE}),
        {"coordination": "work_queue", "queue_refresh_s": 1000},
    ),
    Mutant(
        "what is assigned is nobody else's",
        assignments_for_ever,
        frozenset({Rule.STARVED}),
        {"coordination": "leader", "accept_s": 1000},
    ),
    Mutant(
        "a claim holds nobody back",
        lambda monkeypatch: monkeypatch.setattr(conflicts, "hold_others_back", lambda *_: None),
        frozenset({Rule.OVERLAP}),
        {},
    ),
    Mutant(
        "a claim's end lets nobody go",
        code(conflicts, "_let_others_go", "more=-1", "more=0"),
        frozenset({Rule.NO_END}),
    ),
    Mutant(
        "whoever asks may have anything",
        whatever_it_offers,
        frozenset({Rule.NOT_OFFERED}),
        {},
    ),
)
