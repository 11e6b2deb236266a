"""What tests of the store and of the project share: a database per engine, and a clock that only the test moves."""

from __future__ import annotations

import os
import shutil
import time

import pytest

import longpole
from longpole.clock import Clock
from tests import postgres

START_US = 1_800_000_000_000_000


class FakeClock(Clock):
    """A clock that stands until somebody moves it."""

    def __init__(self) -> None:
        self.wall_us, self.seconds = START_US, 10_000.0

    def now(self) -> int:
        return self.wall_us

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.step(seconds)
        self.seconds += seconds

    def step(self, seconds: float) -> None:
        """Move the wall clock alone: the machine slept (forward), or its time was set."""
        self.wall_us += int(seconds * 1_000_000)


@pytest.fixture(autouse=True)
def no_longpole_environment(monkeypatch):
    for name in ("LONGPOLE_DB", "LONGPOLE_PROJECT", "LONGPOLE_INSTANCE", "LONGPOLE_OFFERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def path(tmp_path):
    """Where a database file may lie."""
    return str(tmp_path / "longpole.db")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A database file as a fresh one is, set not to wait for the disk: made once, copied by most tests."""
    path = tmp_path_factory.mktemp("prepared") / "longpole.db"
    with longpole.open(str(path), clock=FakeClock()) as project:
        project.configure(durability="normal")
    return path


@pytest.fixture
def file_url(prepared, tmp_path):
    """A database file with an empty project, for what takes several connections or processes."""
    return str(shutil.copyfile(prepared, tmp_path / "copied.db"))


@pytest.fixture(scope="session")
def postgres_server():
    """The URL of a PostgreSQL server for all tests; without one they fail."""
    if own := os.environ.get(postgres.OWN):
        yield own
        return
    with postgres.server() as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres_server):
    """The URL of an empty schema on PostgreSQL."""
    with postgres.schema(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite-file", "postgresql"])
def shared_url(request):
    """The URL of a database that several connections or processes share, once for each engine."""
    return request.getfixturevalue("file_url" if request.param == "sqlite-file" else "postgres_url")


@pytest.fixture(params=["sqlite-file", "memory", "postgresql"])
def url(request):
    """The URL of a database with an empty project, once for each engine."""
    if request.param == "memory":
        return ":memory:"
    return request.getfixturevalue("file_url" if request.param == "sqlite-file" else "postgres_url")


@pytest.fixture
def project(url, clock):
    """An empty project on each engine."""
    with longpole.open(url, clock=clock) as opened:
        yield opened


@pytest.fixture
def store(project):
    """The store beneath `project`."""
    return project._store


@pytest.fixture
def eventually():
    """Give a function that waits until something is true, and gives up after very long only."""

    def wait(what, seconds=30.0):
        end = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.01)
        return found

    return wait
