"""The verbs that agents call all day. Nothing here may import click, rich or anything else that is slow to load."""

from __future__ import annotations

import os
import sys

from longpole import documents
from longpole.cli import exits
from longpole.cli.arguments import parse
from longpole.cli.text import many_lines, one_line, without_password
from longpole.errors import LongpoleError, UsageError
from longpole.model import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from longpole.handles import Instance
    from longpole.model import Allocation, ClaimedTodo
    from longpole.project import Project

    Answer = tuple[dict[str, Any], str, int]
    """The document, the same in words, and the exit code."""

ENVIRONMENT = ("LONGPOLE_DB", "LONGPOLE_PROJECT", "LONGPOLE_INSTANCE", "LONGPOLE_OFFERS")


def run(words: list[str]) -> int:
    """Parse a hot verb, act, print; give the exit code."""
    as_json = "--json" in words
    try:
        refuse_bytes(words)
        verb, values = parse(words)
        return act(verb.name, values)
    except LongpoleError as error:
        return report(error, as_json=as_json)


def act(verb: str, values: dict[str, Any]) -> int:
    """Do what a verb says with values that have been parsed, and print the answer; give the exit code."""
    from longpole.project import open as open_project

    with open_project(values["db"], project=values["project"], create=False) as project:
        document, words, code = ACTS[verb](project, values)
    if values["json"]:
        put(document)
    elif not values["quiet"]:
        print(words)
    return code


def report(error: LongpoleError, *, as_json: bool) -> int:
    """Print an error where its reader looks for it; give its exit code."""
    if as_json:
        document = documents.error(error)
        document["error"]["message"] = without_password(str(error))
        put(document)
    else:
        print(f"longpole: {without_password(one_line(str(error)))}", file=sys.stderr)
    return error.exit_code


def put(document: dict[str, Any]) -> None:
    """Print one document."""
    import json

    print(json.dumps(document, ensure_ascii=(sys.stdout.encoding or "").lower() != "utf-8"))


def claimed_in_words(told: Allocation) -> str:
    """Say in words what was claimed, or why nothing was."""
    if not told.claims:
        return f"no work ({told.reason}): {told.detail}"
    return "\n".join(_claim_in_words(claimed) for claimed in told.claims)


def exit_code(told: Allocation) -> int:
    """Give the exit code of an answer to `next`."""
    if told.claims:
        return exits.DONE
    return exits.FINISHED if told.reason == Reason.FINISHED else exits.NO_WORK


def name_of(values: dict[str, Any]) -> str:
    """Give the name of the acting instance. Raises UsageError if there is none."""
    name = name_given(values)
    if not name:
        raise UsageError("say which instance acts: --as NAME, or LONGPOLE_INSTANCE in the environment")
    return name


def name_given(values: dict[str, Any]) -> str | None:
    """Give the name of the acting instance; None if neither the command line nor the environment has one."""
    return values["instance"] or os.environ.get("LONGPOLE_INSTANCE") or None


def offers_given(values: dict[str, Any]) -> tuple[str, ...] | None:
    """Give the labels that the acting instance offers; None if neither the command line nor the environment has any."""
    told = values["offers"] or tuple(part.strip() for part in os.environ.get("LONGPOLE_OFFERS", "").split(",") if part)
    return tuple(label for label in told if label) if told else None


def refuse_bytes(words: list[str]) -> None:
    """Raise UsageError for a word that is no text, of the command line or of our environment: no database keeps it."""
    for word in (*words, *(os.environ.get(name, "") for name in ENVIRONMENT)):
        if not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UsageError(f"{word!a} is not valid UTF-8; write it as text")
        if "\0" in word:
            raise UsageError(f"{word!a} has a NUL character; leave it out")


def _next(project: Project, values: dict[str, Any]) -> Answer:
    me = project.instance_or_register(name_of(values), offers=offers_given(values))
    told = me.allocate(
        count=values["count"],
        wait_s=values["wait"],
        strategy=values["strategy"],
        coordination=values["coordination"],
        key=values["key"],
    )
    return _told(told)


def _claim(project: Project, values: dict[str, Any]) -> Answer:
    me = project.instance_or_register(name_of(values), offers=offers_given(values))
    return _told(me.allocate_todo(values["id"], key=values["key"]))


def _done(project: Project, values: dict[str, Any]) -> Answer:
    todo_id, result = values["id"], values["result"]
    if values["force"]:
        project.complete(todo_id, result=result)
        return _said(f"{todo_id} is completed, by hand", completed=todo_id)
    if values["token"] is None:
        raise UsageError("longpole done needs --token, the token of the claim (or --force for a todo done by hand)")
    me, token = _me(project, values), values["token"]
    if not values["next"]:
        me.complete(todo_id, token, result=result, key=values["key"])
        return _said(f"{todo_id} is completed", completed=todo_id)
    told = me.complete_and_allocate(
        todo_id,
        token,
        result=result,
        count=values["count"],
        strategy=values["strategy"],
        coordination=values["coordination"],
        key=values["key"],
    )
    document, words, code = _told(told)
    return {**document, "completed": todo_id}, f"{todo_id} is completed\n{words}", code


def _fail(project: Project, values: dict[str, Any]) -> Answer:
    status = _me(project, values).fail(values["id"], values["token"], values["reason"], key=values["key"])
    return _said(f"{values['id']} is given back and {status} now", failed=values["id"], status=status)


def _release(project: Project, values: dict[str, Any]) -> Answer:
    status = _me(project, values).release(values["id"], values["token"], key=values["key"])
    return _said(f"{values['id']} is given back and {status} now", released=values["id"], status=status)


def _progress(project: Project, values: dict[str, Any]) -> Answer:
    _me(project, values).progress(values["id"], values["token"], values["percent"], note=values["note"])
    return _said(f"{values['id']}: {values['percent']} %", progressed=values["id"], percent=values["percent"])


def _heartbeat(project: Project, values: dict[str, Any]) -> Answer:
    me = _me(project, values)
    until = documents.moment(me.heartbeat())
    return _said(f"{me.name} is live until {until}", instance=me.name, lease_expires_at=until)


ACTS: dict[str, Callable[[Project, dict[str, Any]], Answer]] = {
    "next": _next,
    "claim": _claim,
    "done": _done,
    "fail": _fail,
    "release": _release,
    "progress": _progress,
    "heartbeat": _heartbeat,
}


def _me(project: Project, values: dict[str, Any]) -> Instance:
    return project.instance(name_of(values))


def _told(told: Allocation) -> Answer:
    return documents.versioned(documents.allocation(told)), claimed_in_words(told), exit_code(told)


def _said(words: str, **content: Any) -> Answer:
    return documents.versioned(content), words, exits.DONE


def _claim_in_words(claimed: ClaimedTodo) -> str:
    todo = claimed.todo
    lines = [f"{todo.id}  {one_line(todo.title)}", f"  token {claimed.token}, attempt {claimed.attempt}, {claimed.why}"]
    return "\n".join(lines + [f"  {line}".rstrip() for line in many_lines(todo.description).splitlines()])
