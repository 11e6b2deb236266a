"""The verbs about instances: register, unregister, instances."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import click

from longpole import documents
from longpole.cli import hot, screen, wording
from longpole.cli.asked import Asked, verb
from longpole.cli.screen import Column
from longpole.cli.verbs import OFFERS
from longpole.errors import InvalidInputError

if TYPE_CHECKING:
    from longpole.model import InstanceInfo

AS_HELP = "the instance that acts (default: LONGPOLE_INSTANCE)"
COLUMNS = (
    Column(title="name"),
    Column(title="state", status=True),
    Column(title="heartbeat", right=True),
    Column(title="lease", right=True),
    Column(title="process"),
    Column(title="offers"),
    Column(title="holds", wide=True),
)


@verb(
    "register",
    example="longpole register --as claude-1\nlongpole register --as claude-2 --offers gpu --offers reviewer",
)
@click.option("--as", "instance", help="its name (default: LONGPOLE_INSTANCE, or one is made)")
@click.option("--offers", multiple=True, metavar="LABEL", help=OFFERS.help)
def _register(asked: Asked, *, instance: str | None, offers: tuple[str, ...]) -> None:
    """Start an instance and print its name.

    `next` does so by itself for a name that is new. A todo that needs labels goes only to an instance that offers them
    all; one that is registered already offers these from now on. An instance is given up when nothing is heard of it,
    neither a heartbeat nor another verb, for the time of its lease.
    """
    wanted = hot.name_given({"instance": instance})
    name = wanted or f"agent-{secrets.token_hex(3)}"
    with asked.open() as project:
        project.sweep()
        there = next((one for one in project.instances() if one.name == name), None)
        if there is not None and there.process_id is not None:
            raise InvalidInputError(
                f"the instance '{name}' is live in process {there.process_id}; choose another name,"
                f" or end it with `longpole unregister --as {name}`"
            )
        me = project.instance_or_register(name, offers=hot.offers_given({"offers": offers}))
    said = f"{name} is registered already" if there else me.name
    asked.tell({"instance": me.name, "number": me.number, "registered": there is None}, said)


@verb("unregister", example="longpole unregister --as claude-1")
@click.option("--as", "instance", help=AS_HELP)
def _unregister(asked: Asked, *, instance: str | None) -> None:
    """Let an instance leave.

    What it holds goes back to the others, without a mark against it.
    """
    name = hot.name_of({"instance": instance})
    with asked.open() as project:
        me = project.instance(name)
        released = next((one.holding for one in project.instances() if one.number == me.number), ())
        me.unregister()
    said = f"; released: {', '.join(released)}" if released else ""
    asked.tell({"unregistered": name, "released": list(released)}, f"{name} has left{said}")


@verb("instances", example="longpole instances --every")
@click.option("--every", is_flag=True, help="those that left or were given up as well")
def _instances(asked: Asked, *, every: bool) -> None:
    """List the live instances and what they hold."""
    with asked.open() as project:
        found = project.instances(every=every)
    rows = [_row(one) for one in found]
    empty = "no instance is live; `longpole next --as NAME` starts one"
    asked.tell(
        {"instances": [documents.instance(one) for one in found]}, lambda: screen.table(COLUMNS, rows, empty=empty)
    )


def _row(one: InstanceInfo) -> tuple[str, ...]:
    now = time.time_ns() // 1000
    left_s = (one.lease_expires_at - now) / 1e6
    lease = ("over" if left_s <= 0 else f"{wording.seconds(left_s)} left") if one.state == "live" else ""
    process = "" if one.process_id is None else f"{one.process_id} on {one.host}"
    silent = f"{wording.seconds((now - one.heartbeat_at) / 1e6)} ago"
    state = one.state if one.leads_in_term is None else f"{one.state}, leads (term {one.leads_in_term})"
    holds = [*one.holding, *([f"{one.assigned} (assigned)"] if one.assigned else [])]
    return (one.name, state, silent, lease, process, ", ".join(one.offers), ", ".join(holds))


COMMANDS = {"register": _register, "unregister": _unregister, "instances": _instances}
