"""What the command line does with database files, theirs and others."""

from __future__ import annotations

import stat

import longpole as library
from longpole.store import migrate
from tests.cli.calling import process


def test_init_makes_a_private_database_and_says_what_to_do_next(empty):
    answer = empty("init")

    place = empty.folder / ".longpole" / "longpole.db"
    assert answer.code == 0
    assert "longpole add" in answer.out
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def test_init_succeeds_where_it_was_called_before(longpole):
    answer = longpole("init")

    assert answer.code == 0
    assert "exists already: project 'default' with 4 todos" in answer.out
    assert longpole.json("init")["created"] is False


def test_the_global_options_stand_before_or_after_the_verb(empty, tmp_path):
    place = str(tmp_path / "other.db")
    empty("--db", place, "--project", "site", "init")
    empty("--db", place, "add", "--project", "site", "T", "--id", "t")

    before = empty("--db", place, "--project", "site", "--json", "list").document
    after = empty("list", "--db", place, "--project", "site", "--json").document

    assert before == after
    assert [todo["id"] for todo in before["todos"]] == ["t"]


def test_a_plan_is_read_from_standard_input(tmp_path):
    process(tmp_path, "init")

    answer = process(tmp_path, "import", "-", "--json", stdin='{"todos": [{"title": "T"}]}')

    assert (answer.document["import"]["format"], answer.document["import"]["added"]) == ("plan", 1)


def test_the_doctor_finds_a_fresh_project_in_good_health(longpole):
    answer = longpole.json("doctor")

    assert {finding["level"] for finding in answer["findings"]} == {"ok"}
    assert {finding["check"] for finding in answer["findings"]} >= {"sqlite", "integrity", "permissions", "clock"}


def test_the_doctor_names_what_is_not_as_it_should_be(longpole):
    (longpole.folder / ".longpole" / "longpole.db").chmod(0o644)
    longpole("settings", "durability", "normal")

    findings = {one["check"]: one["level"] for one in longpole.json("doctor")["findings"]}

    assert (findings["permissions"], findings["durability"]) == ("warning", "warning")
    assert longpole("doctor").code == 0


def test_the_doctor_says_when_there_is_no_database(empty):
    answer = empty("doctor")

    assert answer.code == 1
    assert "longpole init" in answer.out


def test_a_backup_brings_the_former_state_back(longpole):
    longpole("db", "backup", "copy.db")
    longpole("cancel", "schema", "--cascade")

    answer = longpole.json("db", "restore", "copy.db")

    assert [todo["status"] for todo in longpole.json("list")["todos"]] == ["ready", "blocked", "blocked", "blocked"]
    assert stat.S_IMODE((longpole.folder / "copy.db").stat().st_mode) == 0o600
    with library.open(answer["kept"]) as former:
        assert former.status().counts["cancelled"] == 4


def test_a_damaged_database_is_replaced_by_its_backup(longpole):
    longpole("db", "backup", "copy.db")
    place = longpole.folder / ".longpole" / "longpole.db"
    place.write_bytes(b"no database at all")

    answer = longpole.json("db", "restore", "copy.db")

    assert len(longpole.json("list")["todos"]) == 4
    assert (longpole.folder / answer["kept"]).read_bytes() == b"no database at all"


def test_what_is_no_backup_is_not_restored(longpole):
    (longpole.folder / "junk").write_bytes(b"junk" * 1000)

    assert longpole("db", "restore", "junk").code == 1
    assert longpole("db", "restore", "missing").code == 1
    assert len(longpole.json("list")["todos"]) == 4


def test_a_backup_does_not_overwrite_a_file(longpole):
    longpole("db", "backup", "copy.db")

    assert longpole("db", "backup", "copy.db").code == 1


def test_a_sound_database_passes_its_check(longpole):
    assert longpole.json("db", "check") == {"v": 1, "problems": []}
    assert longpole.json("db", "upgrade") == {"v": 1, "schema_version": migrate.VERSION, "adopted_events": 0}
