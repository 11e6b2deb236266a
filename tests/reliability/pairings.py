"""Every strategy with every mechanism of coordination, and which of them do not go together."""

from __future__ import annotations

import itertools

from longpole.coordination import MECHANISMS
from longpole.strategies import BUILT_IN

REFUSED = tuple((strategy, "work_queue") for strategy in ("load_balanced", "branch_affinity", "context_aware"))
"""Strategies that look at who asks, with the mechanism that ranks for everybody."""
ALL = tuple(itertools.product(BUILT_IN, MECHANISMS))
ALLOWED = tuple(pair for pair in ALL if pair not in REFUSED)
