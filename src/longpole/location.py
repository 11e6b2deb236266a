"""Where the database of a folder is: the one place that all doors look at."""

from __future__ import annotations

import os

PLACE = os.path.join(".longpole", "longpole.db")


def database(folder: str | None = None) -> str:
    """Give the URL of the database for a folder (None: the working folder).

    LONGPOLE_DB comes first; then the nearest .longpole/longpole.db here or above; then the place where a new one
    belongs: beside the repository's own data, so that all its worktrees share it, else in the folder itself.
    """
    told = os.environ.get("LONGPOLE_DB")
    if told:
        return told
    here = os.path.abspath(folder or os.getcwd())
    for above in _upward(here):
        for root in (above, repository(above)):
            if root and os.path.exists(os.path.join(root, PLACE)):
                return os.path.join(root, PLACE)
    return os.path.join(next((root for above in _upward(here) if (root := repository(above))), here), PLACE)


def repository(folder: str) -> str | None:
    """Give the main working tree of the git repository whose top this folder is; None if it is not the top of one.

    In a linked worktree `.git` is a file that names its private folder inside the common one.
    """
    mark = os.path.join(folder, ".git")
    if os.path.isdir(mark):
        return folder
    try:
        with open(mark, encoding="utf-8") as file:
            private = os.path.join(folder, file.read().removeprefix("gitdir:").strip())
        with open(os.path.join(private, "commondir"), encoding="utf-8") as file:
            common = os.path.normpath(os.path.join(private, file.read().strip()))
    except (OSError, UnicodeDecodeError):
        return None
    return os.path.dirname(common)


def _upward(folder: str) -> list[str]:
    found = [folder]
    while (above := os.path.dirname(found[-1])) != found[-1]:
        found.append(above)
    return found
