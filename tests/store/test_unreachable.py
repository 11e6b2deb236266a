"""A PostgreSQL that cannot be used is told in one line that says what to do, and never a password."""

from __future__ import annotations

import socket
from urllib.parse import quote

import psycopg
import pytest

import longpole
from longpole.errors import StorageUnavailableError
from tests import postgres
from tests.cli.calling import Inside

SECRET = "s3cr3t"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("longpole.store.postgres.FIRST_PATIENCE_S", 0.5)


@pytest.fixture(scope="module")
def guarded():
    """The URL of a server that asks the role `guarded` for a password, with a mark for the password."""
    with postgres.server() as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("SET password_encryption = 'scram-sha-256'")
            connection.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
            connection.execute("CREATE ROLE barred LOGIN")
            (path,) = connection.execute("SHOW hba_file").fetchone() or ("",)
            with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path as PostgreSQL gives it
                rules = file.read()
            with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - as above
                file.write("local all guarded scram-sha-256\n" + rules)
            connection.execute("SELECT pg_reload_conf()")
        yield server.url.replace("postgres:@", "{user}@")


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@pytest.fixture
def silent_port():
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one.getsockname()[1]


@pytest.fixture(params=["port", "host", "password", "database", "rights", "age", "silent"])
def wrong(request, guarded, monkeypatch):
    """A URL with something wrong in it, and what the message has to name."""
    if request.param == "port":
        return f"postgresql://me:{SECRET}@127.0.0.1:{request.getfixturevalue('free_port')}/work", "refused"
    if request.param == "host":
        return f"postgresql://me:{SECRET}@nowhere.invalid/work", "nowhere.invalid"
    if request.param == "password":
        return guarded.format(user=f"guarded:{SECRET}"), "password authentication failed"
    if request.param == "database":
        return guarded.format(user=f"postgres:{SECRET}").replace("/postgres?", "/missing?"), "does not exist"
    if request.param == "rights":
        return guarded.format(user=f"barred:{SECRET}"), "ask for the right"
    if request.param == "age":
        monkeypatch.setattr("longpole.store.postgres.OLDEST", 990000)
        return guarded.format(user=f"postgres:{SECRET}"), "needs 15 or newer"
    silent = request.getfixturevalue("silent_port")
    return f"postgresql://me:{SECRET}@127.0.0.1:{silent}/work?connect_timeout=2", "timeout"


def test_what_is_wrong_is_told_in_one_line_without_the_password(wrong):
    url, named = wrong

    with pytest.raises(StorageUnavailableError, match=named) as told:
        longpole.open(url)

    assert "\n" not in str(told.value)
    assert SECRET not in str(told.value)


def test_the_command_line_ends_with_1_and_says_the_same(wrong, tmp_path, monkeypatch, capsys):
    url, named = wrong
    call = Inside(tmp_path, monkeypatch, capsys)

    for words in (("next", "--as", "me"), ("status", "--json")):
        answer = call("--db", url, *words)

        said = answer.document["error"]["message"] if "--json" in words else answer.err
        assert answer.code == 1
        assert named in said
        assert len(said.strip().splitlines()) == 1
        assert SECRET not in answer.out + answer.err


def test_a_password_with_signs_in_it_is_not_told_either(guarded):
    password = quote("s3/cr@3t", safe="")

    with pytest.raises(StorageUnavailableError) as told:
        longpole.open(guarded.format(user=f"guarded:{password}"))

    assert "cr" not in str(told.value).split("guarded")[-1]
