"""How a project stands, as a whole."""

from __future__ import annotations

from longpole.model import PENDING, ProjectStatus
from longpole.store import gates, instances, leadership, needs, pauses, readiness, todos

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.store import Store
    from longpole.store.dialect import Transaction


def status(store: Store) -> ProjectStatus:
    """Count the project's todos and instances, and name what strands others, in one look."""

    def seen(tx: Transaction) -> ProjectStatus:
        state, live = store.state(tx), instances.count_live(tx)
        counts = todos.counts(tx)
        path = todos.critical_path(tx)
        leader = leadership.current(tx)
        return ProjectStatus(
            project=store.project,
            counts={status.value: count for status, count in counts.items()},
            remaining_minutes=todos.by_number(tx, path[0]).critical_path_minutes if path else 0.0,
            live_instances=live,
            stuck=tuple(readiness.stuck_causes(tx)),
            finished=any(counts.values()) and not any(counts[status] for status in PENDING),
            pause=state.pause,
            draining=state.is_draining,
            paused_branches=pauses.branches(tx),
            gates=tuple(gates.waiting(tx)),
            unoffered=tuple(needs.unoffered(tx)) if live else (),
            leader=leader.name if leader else None,
            term=leader.term if leader else None,
            assigned=sum(one.in_force for one in leadership.assigned(tx)),
        )

    return store.look(seen)
