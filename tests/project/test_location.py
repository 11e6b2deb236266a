from __future__ import annotations

import shutil
import subprocess

import pytest

import longpole
from longpole.location import database


@pytest.fixture
def repository(tmp_path):
    """A git repository with a linked worktree beside it."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    top = tmp_path / "repository"
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run([*git, "init", "-q", str(top)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "First"], cwd=top, check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tmp_path / "linked")], cwd=top, check=True)
    return top


def made(folder):
    place = folder / ".longpole" / "longpole.db"
    place.parent.mkdir(parents=True)
    place.touch()
    return str(place)


def test_the_database_is_found_from_any_folder_beneath_it(tmp_path):
    place = made(tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)

    assert database(str(tmp_path / "a" / "b")) == place
    assert database(str(tmp_path)) == place


def test_the_nearest_database_counts(tmp_path):
    made(tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)
    nearer = made(tmp_path / "a")

    assert database(str(tmp_path / "a" / "b")) == nearer


def test_the_environment_comes_before_all_folders(tmp_path, monkeypatch):
    made(tmp_path)
    monkeypatch.setenv("LONGPOLE_DB", ":memory:")

    assert database(str(tmp_path)) == ":memory:"


def test_without_a_database_a_new_one_belongs_into_the_folder(tmp_path):
    assert database(str(tmp_path)) == str(tmp_path / ".longpole" / "longpole.db")


def test_without_a_database_a_new_one_belongs_to_the_top_of_the_repository(repository):
    (repository / "src" / "deep").mkdir(parents=True)

    assert database(str(repository / "src" / "deep")) == str(repository / ".longpole" / "longpole.db")


def test_a_worktree_shares_the_repositorys_database(repository, tmp_path):
    (tmp_path / "linked" / "src").mkdir()
    place = str(repository / ".longpole" / "longpole.db")

    before = database(str(tmp_path / "linked" / "src"))
    made(repository)

    assert before == place
    assert database(str(tmp_path / "linked" / "src")) == place


def test_a_dot_git_file_of_another_kind_leads_nowhere(tmp_path):
    (tmp_path / ".git").write_bytes(b"\xff\xfe gitdir: nowhere")

    assert database(str(tmp_path)) == str(tmp_path / ".longpole" / "longpole.db")


def test_opening_without_a_url_makes_the_database_of_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with longpole.open() as project:
        project.add("A", id="a")

    with longpole.open(str(tmp_path / ".longpole" / "longpole.db"), create=False) as again:
        assert again.todo("a").title == "A"
