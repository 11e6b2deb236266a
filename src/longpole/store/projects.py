"""The project's own rows: its settings and its graph version, and for its fleet of instances when a sweep is due.

An edit of the graph locks the row in `project` until it ends; claims and heartbeats write to that in `fleet` alone.
"""

from __future__ import annotations

import json

from longpole import settings as setting
from longpole.errors import InvalidInputError
from longpole.model import EventKind
from longpole.settings import Settings
from longpole.store import journal
from longpole.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.store.dialect import Transaction

MAX_NAME = 100
OLD = 2  # in the column `constrained`


class ProjectRow(Value):
    """What every act reads first. `sweep_due_at`: nothing can be due before; `clock_mark`: see the dialect."""

    settings: Settings
    sweep_due_at: int
    clock_mark: str
    pruned_at: int
    is_constrained: bool = False  # changes of hands come one after another
    is_old: bool = False  # an older longpole wrote it: what its todos want and need stands in text alone
    pause: str | None = None  # why nothing is given out; None: it is
    is_draining: bool = False  # nobody need wait for the pause to end


class SettingsCache:
    """The settings last parsed, with their text: most acts find the same text again."""

    def __init__(self) -> None:
        self._last = ("{}", Settings())  # one value, so that threads never see a text with another's settings

    def seen(self) -> tuple[str, Settings]:
        """Give the settings last parsed, with their text."""
        return self._last

    def parse(self, text: str) -> Settings:
        """Give the settings that a stored text means."""
        known, settings = self._last
        if text != known:
            settings = setting.merged(json.loads(text))
            self._last = (text, settings)
        return settings


def find(tx: Transaction, name: str) -> int | None:
    """Give a project's key; None if there is no such project."""
    row = tx.one("SELECT project_id FROM project WHERE name = ?", (name,))
    return row[0] if row else None


def known(tx: Transaction, name: str) -> int:
    """Give a project's key. Raises InvalidInputError, naming those there are, if there is no such project."""
    found = find(tx, name)
    if found is None:
        there_are = ", ".join(names(tx)) or "none yet"
        raise InvalidInputError(
            f"there is no project '{name}' in this database (there are: {there_are});"
            " name another with --project or LONGPOLE_PROJECT, or make it with `longpole init`"
        )
    return found


def ensure(tx: Transaction, name: str) -> int:
    """Give a project's key, creating the project where there is none.

    Raises InvalidInputError for a name that could not be typed or shown.
    """
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise InvalidInputError(f"a project's name is 1 to {MAX_NAME} printable characters, not {name!r}")
    tx.run("INSERT INTO project (name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (name, tx.now))
    found = find(tx, name)
    assert found is not None
    tx.run("INSERT INTO fleet (project_id) VALUES (?) ON CONFLICT (project_id) DO NOTHING", (found,))
    return found


def names(tx: Transaction) -> list[str]:
    """List the projects of the database by name."""
    return [row[0] for row in tx.all("SELECT name FROM project ORDER BY name")]


def load(tx: Transaction, cache: SettingsCache) -> ProjectRow:
    """Read the project's row."""
    row = tx.one(
        "SELECT p.settings, f.due_at, f.clock_mark, f.pruned_at, p.constrained, p.pause, p.draining"
        " FROM project p JOIN fleet f ON f.project_id = p.project_id WHERE p.project_id = ?",
        (tx.project_id,),
    )
    assert row is not None
    settings = cache.parse(row[0])
    return ProjectRow(
        settings=settings,
        sweep_due_at=row[1],
        clock_mark=row[2],
        pruned_at=row[3],
        is_constrained=bool(row[4] or settings.cap),
        is_old=row[4] == OLD,
        pause=row[5],
        is_draining=bool(row[6]),
    )


def settings_of(tx: Transaction) -> Settings:
    """Give the settings as they stand now."""
    row = tx.one("SELECT settings FROM project WHERE project_id = ?", (tx.project_id,))
    assert row is not None
    return setting.merged(json.loads(row[0]))


def configure(tx: Transaction, changes: dict[str, object]) -> Settings:
    """Change settings; None puts one back to its default. Everything due is judged anew at the next act.

    Raises InvalidInputError for an unknown name or a value out of range.
    """
    tx.take_turn()  # limits on what may be in progress are settings as well
    tx.lock_project()
    row = tx.one("SELECT settings FROM project WHERE project_id = ?", (tx.project_id,))
    assert row is not None
    overrides = json.loads(row[0])
    before = setting.merged(overrides)
    for name, value in changes.items():
        if value is None:
            overrides.pop(setting.known(name), None)
        else:
            overrides[name] = setting.parsed(name, value)
    settings = setting.merged(overrides)
    spelled = json.dumps(overrides, sort_keys=True)
    tx.run("UPDATE project SET settings = ? WHERE project_id = ?", (spelled, tx.project_id))
    tx.run("UPDATE fleet SET due_at = 0 WHERE project_id = ?", (tx.project_id,))
    if (before.resources, before.branch_caps) != (settings.resources, settings.branch_caps):
        from longpole.store import conflicts

        conflicts.reconfigured(tx, before, settings)
    journal.write(tx, EventKind.CONFIGURED, data=changes)
    return settings


def sweep_by(tx: Transaction, at: int) -> None:
    """See to it that a sweep looks no later than at this time."""
    tx.run("UPDATE fleet SET due_at = ? WHERE project_id = ? AND due_at > ?", (at, tx.project_id, at))


def sweep_due(tx: Transaction) -> int:
    """Tell when the next sweep is due."""
    row = tx.one("SELECT due_at FROM fleet WHERE project_id = ?", (tx.project_id,))
    return row[0] if row else 0


def pruned(tx: Transaction) -> None:
    """Note that old replies have been forgotten just now."""
    tx.run("UPDATE fleet SET pruned_at = ? WHERE project_id = ?", (tx.now, tx.project_id))


def swept(tx: Transaction, due_at: int, mark: str) -> None:
    """Note that everything due has been seen to, and when to look again."""
    tx.run("UPDATE fleet SET due_at = ?, clock_mark = ? WHERE project_id = ?", (due_at, mark, tx.project_id))


def constrain(tx: Transaction) -> None:
    """Let changes of hands come one after another from now on: some todo is bound by more than what it waits for."""
    tx.run("UPDATE project SET constrained = 1 WHERE project_id = ? AND constrained = 0", (tx.project_id,))


def graph_changed(tx: Transaction) -> None:
    """Raise the graph's version: whatever was computed from the old graph is stale."""
    tx.run("UPDATE project SET graph_version = graph_version + 1 WHERE project_id = ?", (tx.project_id,))


def descendants_counted(tx: Transaction) -> None:
    """Note that every todo's total_descendants is that of the graph as it stands."""
    tx.run("UPDATE project SET descendants_version = graph_version WHERE project_id = ?", (tx.project_id,))


def next_numbers(tx: Transaction, count: int) -> int:
    """Reserve numbers for new todos and give the first."""
    statement = "UPDATE project SET next_todo = next_todo + ? WHERE project_id = ? RETURNING next_todo"
    return _reserve(tx, statement, count)


def size(tx: Transaction) -> int:
    """Count the todos that the project has ever had."""
    row = tx.one("SELECT next_todo FROM project WHERE project_id = ?", (tx.project_id,))
    return row[0] - 1 if row else 0


def next_instance(tx: Transaction) -> int:
    """Reserve the number of a new instance."""
    return _reserve(
        tx, "UPDATE fleet SET next_instance = next_instance + ? WHERE project_id = ? RETURNING next_instance", 1
    )


def _reserve(tx: Transaction, statement: str, count: int) -> int:
    row = tx.one(statement, (count, tx.project_id))
    assert row is not None
    return int(row[0]) - count
