"""The verbs that keep a project in good order: settings, db, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from longpole import documents
from longpole import settings as setting
from longpole.cli import exits, screen, wording
from longpole.cli.asked import Asked, Verbs, verb
from longpole.cli.copying import COPY
from longpole.cli.distributing import DISTRIBUTE
from longpole.cli.screen import Column
from longpole.cli.text import one_line, without_password
from longpole.errors import LongpoleError, UsageError
from longpole.settings import SPECS, Settings

if TYPE_CHECKING:
    from longpole.insight.examination import Finding

SETTINGS_COLUMNS = (
    Column(title="setting"),
    Column(title="value", right=True),
    Column(title="default", right=True),
    Column(title="meaning", wraps=True),
)
FINDING_COLUMNS = (Column(title="check"), Column(title="level", status=True), Column(title="finding", wraps=True))


@verb("settings", example="longpole settings\nlongpole settings lease_s 120\nlongpole settings lease_s --reset")
@click.argument("name", required=False)
@click.argument("value", required=False)
@click.option("--reset", is_flag=True, help="put the setting back to its default")
def _settings(asked: Asked, *, name: str | None, value: str | None, reset: bool) -> None:
    """Show the project's settings, or one of them, or set it."""
    if reset and (name is None or value is not None):
        raise UsageError("--reset needs the name of one setting and no value")
    if name is not None:
        setting.known(name)
    with asked.open() as project:
        changed = name is not None and (value is not None or reset)
        now = project.configure(**{name: value}) if name is not None and changed else project.settings()
    if name is None:
        asked.tell({"settings": now.spelled(), "defaults": Settings().spelled()}, lambda: _tell_settings(now))
        return
    value_now = now.spelled().get(name)
    spoken = "not set" if value_now is None else _spoken(value_now)
    asked.tell({"settings": {name: value_now}}, f"{name} is {spoken} now" if changed else spoken)


@verb("upgrade", example="longpole db upgrade")
def _upgrade(asked: Asked) -> None:
    """Bring the database to this longpole's schema.

    Every verb does so by itself; a database file is copied first. On PostgreSQL call it, too, after a dump of another
    server was restored: it puts the journal's events in order there.
    """
    with asked.open() as project:
        version, adopted = project.condition().schema_version, project.upgrade()
    said = f"the database has schema {version}, the newest that this longpole knows"
    more = f"; {wording.plural(adopted, 'event')} of another server put in order" if adopted else ""
    asked.tell({"schema_version": version, "adopted_events": adopted}, f"{said}{more}")


@verb("backup", example="longpole db backup before-the-release.db")
@click.argument("file")
def _backup(asked: Asked, *, file: str) -> None:
    """Copy the database to a new file while everybody works on.

    The copy is consistent, and readable by you alone. PostgreSQL is backed up by its own tools; `db copy` copies a
    project out of it.
    """
    with asked.open() as project:
        project.back_up(file)
    asked.tell({"backup": file}, f"copied to {one_line(file)}")


@verb("restore", example="longpole db restore before-the-release.db")
@click.argument("file")
def _restore(asked: Asked, *, file: str) -> None:
    """Put a backup in the database's place. The present database is copied beside itself first.

    Instances that hold something lose it: their next act is told so. Into PostgreSQL it is `db copy` that brings
    a project.
    """
    from longpole.project import restore

    kept = restore(file, asked.db)
    said = f"; the former one is kept as {one_line(kept)}" if kept else ""
    asked.tell({"restored": file, "kept": kept}, f"restored {one_line(file)}{said}")


@verb("check", example="longpole db check")
def _check(asked: Asked) -> int:
    """Look through the whole database for damage. Exit 1 if there is any."""
    with asked.open() as project:
        problems = project.problems()
    said = "\n".join(map(one_line, problems)) or "the database is sound"
    asked.tell({"problems": problems}, said)
    return exits.ERROR if problems else exits.DONE


@verb("doctor", example="longpole doctor")
def _doctor(asked: Asked) -> int:
    """Look for what could be wrong, and say what to do.

    Exit 1 if there is a problem; a warning is none.
    """
    findings = _examine(asked)
    content = [finding.as_dict() for finding in findings]
    asked.tell({"findings": content}, lambda: _tell_findings(findings))
    return exits.ERROR if any(finding.level == "problem" for finding in findings) else exits.DONE


def _examine(asked: Asked) -> list[Finding]:
    from longpole.insight.examination import Finding

    try:
        with asked.open() as project:
            return project.examine()
    except LongpoleError as error:
        return [Finding(check="database", level="problem", finding=without_password(str(error)))]


def _tell_settings(now: Settings) -> None:
    defaults, spelled = Settings().spelled(), now.spelled()
    rows = [
        (name, _spoken(spelled.get(name, "")), _spoken(defaults.get(name, "")), SPECS[setting.family(name)].meaning)
        for name in {**spelled, **setting.SPECS}
    ]
    screen.table(SETTINGS_COLUMNS, rows, empty="")


def _tell_findings(findings: list[Finding]) -> None:
    screen.table(FINDING_COLUMNS, [(one.check, one.level, one.finding) for one in findings], empty="")


def _spoken(value: object) -> str:
    return str(documents.number(value)) if isinstance(value, float) else str(value)


_DB = Verbs(
    name="db",
    help="Upgrade, back up, restore, check or copy the database.",
    example="longpole db backup before-the-release.db",
    commands={
        "upgrade": _upgrade,
        "backup": _backup,
        "restore": _restore,
        "check": _check,
        "copy": COPY,
        "distribute": DISTRIBUTE,
    },
)
COMMANDS: dict[str, click.Command] = {"settings": _settings, "db": _DB, "doctor": _doctor}
