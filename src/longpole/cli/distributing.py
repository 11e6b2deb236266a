"""The verb that spreads the database over several servers: db distribute."""

from __future__ import annotations

import click

from longpole.cli.asked import Asked, verb


@verb("distribute", example="longpole db distribute --dry-run\nlongpole db distribute")
@click.option("--dry-run", is_flag=True, help="only print the statements")
def _distribute(asked: Asked, *, dry_run: bool) -> None:
    """Spread the tables over a Citus cluster of PostgreSQL servers, each project whole on one of them.

    It prints the statements and runs those that have not been run yet. The extension citus has to be there. Nobody can
    work while a table moves. longpole has not been tested on Citus; docs/scaling.md says what to look at first.
    """
    with asked.open() as project:
        statements = project.distribute(dry_run=dry_run)
    said = "\n".join(f"{statement};" for statement in statements) or "the tables are spread already"
    asked.tell({"statements": statements, "dry_run": dry_run}, said)


DISTRIBUTE = _distribute
