"""Spreads the tables over the nodes of a Citus cluster, each project whole on one of them; see docs/scaling.md.

Every key begins with the project and every statement asks for one project, which a test holds them to. The row of the
project itself, a few hundred bytes, stands on every node: its name has to be unique among all.
"""

from __future__ import annotations

from functools import partial

from longpole.errors import InvalidInputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.store import Store
    from longpole.store.dialect import Transaction

EVERYWHERE = "project"
FIRST = "todo"
WITH_IT = (
    *("todo_detail", "dependency", "hold", "touch", "demand", "need", "branch", "instance", "fleet"),
    *("queue", "ranking", "leader", "assignment", "journal", "reply", "source_record"),
)
STATEMENTS = {
    EVERYWHERE: f"SELECT create_reference_table('{EVERYWHERE}')",
    FIRST: f"SELECT create_distributed_table('{FIRST}', 'project_id')",
    **{
        name: f"SELECT create_distributed_table('{name}', 'project_id', colocate_with => '{FIRST}')" for name in WITH_IT
    },
}
IS_THERE = "SELECT 1 FROM pg_extension WHERE extname = 'citus'"
IS_SPREAD = "SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass(?)"


def distribute(store: Store, *, dry_run: bool) -> list[str]:
    """Give the statements that spread the tables, in their order; without `dry_run` run those that have not been run.

    Raises InvalidInputError for SQLite, and where the server does not have the extension.
    """
    if not store.engine.url.startswith("postgres"):
        raise InvalidInputError("a file cannot be spread over servers; `longpole db copy` takes it to PostgreSQL first")
    if dry_run:
        return list(STATEMENTS.values())
    if not store.look(lambda tx: tx.one(IS_THERE)):
        raise InvalidInputError(
            f"{store.engine.where} does not have the extension citus; CREATE EXTENSION citus on every node and add the"
            " nodes (citus_add_node), then try again; --dry-run prints the statements"
        )
    return [sql for name, sql in STATEMENTS.items() if store.act(partial(_spread, name=name, sql=sql))]


def _spread(tx: Transaction, name: str, sql: str) -> bool:
    """Spread one table, unless it is spread already. Its rows move along, and nobody can write to it meanwhile."""
    if tx.one(IS_SPREAD, (name,)):
        return False
    tx.all(sql)
    return True
