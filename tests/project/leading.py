"""What tests of leader coordination share: ways to set the scene, and to look at who leads and what is assigned."""

from __future__ import annotations

from longpole.coordination import assigning, leader
from longpole.strategies import Strategies

LEASE_S, ACCEPT_S = 15, 30


def crew(project, *names):
    """Instances that beat only when they are told to. The first to beat leads."""
    return [project.register(name, heartbeat=False) for name in names]


def sized(project, **minutes):
    """Add todos of these lengths; the branch of each is what stands before the first digit of its name."""
    project.add_many(
        {"id": name, "title": name, "estimate_minutes": length, "branch": name.rstrip("0123456789")}
        for name, length in minutes.items()
    )


def assigned(project):
    """What is assigned to whom, and in force."""
    return {one.name: one.assigned for one in project.instances() if one.assigned}


def terms(project):
    """Who was elected, in order, with the terms."""
    return [(event.instance, event.data["term"]) for event in project.journal() if event.kind == "elected"]


def leads(project):
    """Who leads now, by what is told of the instances."""
    return [(one.name, one.leads_in_term) for one in project.instances() if one.leads_in_term]


def seen_by(project, me):
    """The term of a leader, and what it wants to assign, as it has them before it writes."""
    view = leader.view(project._store, me.number, Strategies())
    assert view is not None
    assert view.choice is not None
    assert view.term is not None
    return view.term, assigning.pairs(view.choice)
