"""The command line on PostgreSQL, where it differs from files: URLs with passwords, backups, dumps, copies."""

from __future__ import annotations

import json
import subprocess
import sys

import psycopg
import pytest

import longpole as library
from longpole.cli import progress
from longpole.cli.text import without_password
from longpole.store import migrate
from tests.cli.calling import environment, process

PASSWORD = "ge-heim"


@pytest.fixture
def url(postgres_url):
    """The URL of an empty schema, with a password that the server does not ask for."""
    user, at, rest = postgres_url.removeprefix("postgresql://").partition("@")
    assert at
    return f"postgresql://{user.partition(':')[0]}:{PASSWORD}@{rest}"


@pytest.fixture
def server(empty, url, monkeypatch):
    """A folder where LONGPOLE_DB names a server with an empty project."""
    monkeypatch.setenv("LONGPOLE_DB", url)
    assert empty("init").code == 0
    return empty


def test_init_tells_whether_it_made_the_project_and_never_the_password(empty, url):
    first, second = empty("--db", url, "init"), empty("--db", url, "init")
    other = empty("--db", url, "--project", "site", "init", "--json").document

    assert first.out.startswith("made postgresql://")
    assert "exists already: project 'default' with 0 todos" in second.out
    assert (other["project"], other["created"]) == ("site", True)
    assert PASSWORD not in first.out + second.out + json.dumps(other)
    assert list(empty.folder.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("settings",),
        ("db", "check"),
        ("db", "upgrade"),
        ("db", "backup", "copy.db"),
        ("db", "restore", "copy.db"),
        ("--project", "nonsense", "list"),
        ("run", "--", "true"),
        ("next", "--as", "x"),
    ],
)
def test_no_verb_prints_the_password(server, words):
    for answer in (server(*words), server(*words, "--json") if "--" not in words else server("--json", *words)):
        assert PASSWORD not in answer.out + answer.err
        assert answer.code in (0, 3) or answer.err.count("\n") <= 1


@pytest.mark.parametrize(
    "place",
    [
        f"postgresql://ann:a@{PASSWORD}@127.0.0.1:1/work",
        f"postgresql://ann:a/{PASSWORD}@127.0.0.1:1/work",
        f"postgresql://ann:%zz{PASSWORD}@127.0.0.1:1/work",
        f"postgresql://ann:{PASSWORD}@[127.0.0.1:1/work",
        f"postgresql:/ann:{PASSWORD}@127.0.0.1:1/work",
        f"mysql://ann:{PASSWORD}@127.0.0.1:1/work",
        f"postgresql://ann:{PASSWORD}\udcff@127.0.0.1:1/work",
    ],
)
@pytest.mark.parametrize("words", [("next", "--as", "x"), ("init",), ("doctor",), ("db", "restore", "x")])
def test_a_url_that_cannot_be_meant_is_refused_in_one_line_without_the_password(empty, place, words):
    answer = empty("--db", place, *words)

    assert answer.code in (1, 2)
    assert PASSWORD not in answer.out + answer.err
    assert answer.err.count("\n") == (0 if words == ("doctor",) and answer.code == 1 else 1)


def test_a_server_that_cannot_be_reached_is_told_of_in_one_line_without_the_password(empty):
    answer = empty("--db", f"postgresql://ann:a?{PASSWORD}@127.0.0.1:1/work?password={PASSWORD}", "list")

    assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert "postgresql://127.0.0.1:1/work cannot be reached" in answer.err
    assert PASSWORD not in answer.err
    assert list(empty.folder.iterdir()) == []


def test_passwords_are_taken_out_of_urls_wherever_they_stand():
    text = "from postgresql://ann:a:b@c@host/db to postgresql://host/db?password=x&user=ann or sqlite:///a:b.db"

    assert without_password(text) == (
        "from postgresql://ann@host/db to postgresql://host/db?password=…&user=ann or sqlite:///a:b.db"
    )


def test_backup_and_restore_say_what_to_do_instead(server):
    backup, restore = server("db", "backup", "copy.db"), server("db", "restore", "copy.db")

    assert (backup.code, restore.code) == (1, 1)
    assert "pg_dump" in backup.err
    assert "longpole db copy copy.db postgresql://" in restore.err
    assert list(server.folder.iterdir()) == []


def test_an_upgrade_puts_the_journal_of_another_server_in_order(server, url):
    server("add", "A", "--id", "a")
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE journal SET xid = 1000000000000")  # as a dump of a busier server brings it

    answer = server.json("db", "upgrade")

    assert answer == {"v": 1, "schema_version": migrate.VERSION, "adopted_events": 1}
    assert server.json("db", "upgrade")["adopted_events"] == 0
    with library.open(url) as project:
        cursor = project.cursor()
        project.add("B", id="b")
        assert [event.todo for event in project.journal()] == ["a", "b"]
        assert [event.todo for event in project.journal(after=cursor)] == ["b"]


def test_a_project_is_copied_there_and_back(longpole, url):
    longpole("next", "--as", "x")
    longpole("unregister", "--as", "x")

    there = longpole.json("db", "copy", ".longpole/longpole.db", url)
    back = longpole("db", "copy", url, "back.db", "--project", "default")

    assert PASSWORD not in json.dumps(there) + back.out + back.err
    assert there["projects"] == [
        {"project": "default", "todos": 4, "dependencies": 4, "instances": 1, "events": 8, "given_up": []}
    ]
    assert back.out.startswith("copied default: 4 todos, 1 instance, 8 events\nnext: call everybody to ")
    for db in (url, "back.db"):
        assert longpole.json("--db", db, "list") == longpole.json("list")


def test_a_project_is_not_copied_from_under_somebody(longpole, url):
    longpole("next", "--as", "x")

    refused = longpole("db", "copy", ".longpole/longpole.db", url)
    anyway = longpole.json("db", "copy", ".longpole/longpole.db", url, "--anyway")

    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert "x may be at work" in refused.err
    assert anyway["projects"][0]["given_up"] == ["x"]
    assert longpole("db", "copy", "a.db", "b.db", "--db", "c.db").code == 2


def test_a_long_copy_says_on_stderr_how_far_it_is(longpole, url, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_S", 0.0)

    told = longpole("db", "copy", ".longpole/longpole.db", url, "--json")
    silent = longpole("db", "copy", url, "back.db", "--quiet")

    assert told.err == "copying default: 4 rows\n"
    assert told.document["projects"][0]["todos"] == 4
    assert (silent.code, silent.out, silent.err) == (0, "", "")


def test_run_gives_its_commands_the_server_and_keeps_their_output_in_this_folder(server, url):
    server("add", "A", "--id", "a")
    command = "import os; print(os.environ['LONGPOLE_DB'], os.environ['LONGPOLE_PROJECT'])"

    answer = server("run", "--json", "--", sys.executable, "-c", command)

    (log,) = (server.folder / ".longpole" / "logs").iterdir()
    assert answer.document["outcome"] == "finished"
    assert log.read_text().split() == [url, "default"]
    assert (server.folder / ".longpole" / ".gitignore").read_text() == "*\n"


@pytest.mark.slow
def test_the_demo_can_be_kept_on_a_server(empty, url):
    answer, again = empty("demo", "-n", "8", "--keep", url, "--json"), empty("demo", "--keep", url)

    assert answer.document["outcome"] == "finished"
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert "has a project 'webshop' already" in again.err
    assert PASSWORD not in answer.out + answer.err + again.err


NEEDLESS = ("apsw", "click", "markdown_it", "mcp", "pydantic", "rich", "sqlalchemy", "starlette", "yaml")
PROBE = """
import json, sys
import psycopg, psycopg_pool, psycopg.conninfo, psycopg.types.numeric
before = set(sys.modules)
sys.argv = ["longpole", *{words!r}]
from longpole.__main__ import main
try:
    main()
except SystemExit as end:
    print(json.dumps([end.code, sorted(set(sys.modules) - before)]))
"""


@pytest.mark.parametrize(
    "words", [["next", "--as", "x", "--json"], ["heartbeat", "--as", "x"], ["done", "a", "--as", "x", "--token", "1"]]
)
def test_a_hot_verb_imports_nothing_slow_beyond_psycopg(server, url, words):
    server("add", "A", "--id", "a")
    server("next", "--as", "x")

    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(words=words)],
        cwd=server.folder,
        env=environment(LONGPOLE_DB=url),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code in (0, 3)
    assert [name for name in NEEDLESS if name in modules] == []


def test_real_processes_share_the_server(tmp_path, url):
    process(tmp_path, "init", LONGPOLE_DB=url)
    process(tmp_path, "add", "A", "--id", "a", LONGPOLE_DB=url)

    first = process(tmp_path, "next", "--as", "x", "--json", LONGPOLE_DB=url)
    second = process(tmp_path, "next", "--as", "y", "--json", LONGPOLE_DB=url)

    assert [claim["id"] for claim in first.document["claims"]] == ["a"]
    assert (second.code, second.document["reason"]) == (3, "all_claimed")
