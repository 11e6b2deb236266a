"""What the migrations' words mean to PostgreSQL, and where it keeps the schema's number."""

from __future__ import annotations

# A queue's dead rows cost every claim a look (15,000 claims under a held snapshot: 14,904 pages for the next one), so
# autovacuum comes early and does not dawdle. The free space lets the counters of a row change in place (HOT): 83 % of
# them did at 70 %, none at 100 %. What changes at each heartbeat needs more of it.
SWEPT = "autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0"
DOMAINS = """
    CREATE DOMAIN longpole_status AS TEXT
        CHECK (VALUE IN ('blocked', 'ready', 'in_progress', 'completed', 'failed', 'cancelled'));
    CREATE DOMAIN longpole_count AS INTEGER CHECK (VALUE >= 0);
    CREATE DOMAIN longpole_priority AS INTEGER CHECK (VALUE BETWEEN 0 AND 4);
    CREATE DOMAIN longpole_minutes AS DOUBLE PRECISION CHECK (VALUE >= 0);"""
WORDS = {
    "identity": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    # An UPDATE reads a table's CHECKs from the catalogue each time, a domain's once in a session: a sixth of a claim.
    "domains": DOMAINS,
    "status": "longpole_status NOT NULL",
    "unmet": "longpole_count NOT NULL",
    "priority": "longpole_priority NOT NULL",
    "estimate": "longpole_minutes",
    "sorted": 'TEXT COLLATE "C"',  # in the order of its bytes, as SQLite has it
    # The transaction that wrote an event: see postgres_cursor.py.
    "journal_key": (
        "seq BIGINT GENERATED ALWAYS AS IDENTITY, xid BIGINT NOT NULL DEFAULT (pg_current_xact_id()::TEXT::BIGINT),"
        " PRIMARY KEY (project_id, seq)"
    ),
    "journal_index": "CREATE INDEX journal_by_transaction ON journal (project_id, xid);",
    "clustered": "",
    "clustered_hot": f"WITH (fillfactor = 70, {SWEPT})",
    "clustered_beaten": f"WITH (fillfactor = 50, {SWEPT})",
}
# To read a table is to hear what others have made meanwhile: a lock alone leaves the old answer in the session's cache.
MADE_HERE = (
    "SELECT to_regclass('longpole_schema') IS NOT NULL, to_regclass('todo') IS NOT NULL"
    " FROM pg_class WHERE oid = 'pg_class'::REGCLASS"
)
VERSION = "SELECT MAX(version) FROM longpole_schema"
NOTE = """
    CREATE TABLE IF NOT EXISTS longpole_schema (version BIGINT PRIMARY KEY);
    INSERT INTO longpole_schema VALUES ({version:d});"""


def script(migration: str, version: int) -> str:
    """Give the statements of a migration, which end by noting its number."""
    return migration.format(**WORDS) + NOTE.format(version=version)
