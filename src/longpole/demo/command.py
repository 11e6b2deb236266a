"""`longpole demo`, as the command line calls it."""

from __future__ import annotations

from longpole.demo.run import run as demo_command

__all__ = ["demo_command"]
