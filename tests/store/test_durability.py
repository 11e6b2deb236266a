from __future__ import annotations

import longpole

FULL, NORMAL = (2,), (1,)


def synchronous(project):
    with project._store.write() as tx:
        return tx.one("PRAGMA synchronous")


def test_an_answered_act_is_on_disk_unless_somebody_chose_otherwise(path):
    with longpole.open(path) as project:
        assert synchronous(project) == FULL


def test_the_durability_that_was_chosen_counts_for_all_who_open_the_project_later(path):
    with longpole.open(path) as project:
        project.configure(durability="normal")
        assert synchronous(project) == NORMAL

    with longpole.open(path) as again:
        assert synchronous(again) == NORMAL


def test_who_has_the_project_open_follows_a_new_durability_from_its_next_act(path):
    with longpole.open(path) as one, longpole.open(path) as two:
        one.configure(durability="normal")
        two.sweep()

        assert synchronous(two) == NORMAL
