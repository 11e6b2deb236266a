"""What the demo's agents do: read a todo and sleep for its estimate, scaled, give or take a fifth.

A script without imports from longpole: it has to start in a few milliseconds, as any agent of yours is free to.
"""

from __future__ import annotations

import json
import sys
import time
import zlib


def main() -> None:
    """Work for so many seconds for each estimated minute. The same todo takes the same time in every demo."""
    todo = json.load(sys.stdin)
    luck = 0.8 + zlib.crc32(todo["id"].encode()) % 41 / 100
    time.sleep(todo["estimate_minutes"] * float(sys.argv[1]) * luck)


if __name__ == "__main__":
    main()
