"""The demo: a believable project run from beginning to end in seconds, with one agent killed on the way.

    from longpole import demo

    exit_code = demo.run(instances=4, keep=None)    # keep: a path where the database stays to be looked at

The agents are real processes started by longpole.runner; only their work is sleep.
"""

from __future__ import annotations

from longpole.demo.run import run

__all__ = ["run"]
