"""What a command printed: kept in a file of bounded size, its last words at hand for the reason of a failure."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path

LIMIT = 1 << 20  # bytes of one attempt's output; what is kept beyond half of it is the newest half
TAIL = 4096
REASON_CHARACTERS = 200
FILES_KEPT = 2000
LEFT_OUT = b"[earlier output was left out]\n"
ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)")


class Output:
    """The output of one attempt. The file is made at the first byte, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1
        self._size = 0
        self._tail = b""

    def take(self, data: bytes, *, error: bool) -> None:
        """Keep what was printed; `error`: on the standard error. A full disk loses output, never the attempt."""
        if error:
            self._tail = (self._tail + data)[-TAIL:]
        with suppress(OSError):
            self._write(data)

    def last_words(self) -> str:
        """Give the last line on the standard error as plain text of bounded length; empty if there was none."""
        lines = (plain(line) for line in reversed(self._tail.decode(errors="replace").splitlines()))
        return next((line for line in lines if line), "")

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, data: bytes) -> None:
        if self._file < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(self.path, flags, 0o600)
        if self._size + len(data) > LIMIT:
            self._keep_newest_half()
        self._size += os.write(self._file, data)

    def _keep_newest_half(self) -> None:
        kept = os.pread(self._file, LIMIT // 2, max(self._size - LIMIT // 2, 0))
        os.ftruncate(self._file, 0)
        self._size = os.write(self._file, LEFT_OUT + kept)


def plain(text: str) -> str:
    """Give one line without escape sequences and unprintable characters, cut to a reason's length."""
    letters = "".join(letter for letter in ESCAPES.sub("", text) if letter.isprintable()).strip()
    return letters if len(letters) <= REASON_CHARACTERS else letters[: REASON_CHARACTERS - 1] + "…"


def folder_beside(url: str) -> Path:
    """Give the folder for the output of a database's runs, made if need be: `.longpole/logs` beside the database.

    A database that is no file has it in the working folder. The folder keeps out of version control by itself.
    """
    path = Path(url.partition("sqlite:///")[2] or "x").absolute()
    beside = path.parent if path.parent.name == ".longpole" else path.parent / ".longpole"
    folder = beside / "logs"
    if not beside.exists():
        beside.mkdir(mode=0o700, parents=True, exist_ok=True)
        (beside / ".gitignore").write_text("*\n", encoding="utf-8")
    folder.mkdir(mode=0o700, exist_ok=True)
    _prune(folder)
    return folder


def name_for(todo_id: str, token: int, instance: str) -> str:
    """Give the file name for an attempt: nothing but letters, digits, dots, hyphens and underscores."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", todo_id)[:80].lstrip(".-") or "todo"
    return f"{safe}-{token}-{instance}.log"


def _prune(folder: Path) -> None:
    """Delete the oldest files beyond FILES_KEPT."""
    with os.scandir(folder) as entries:
        files = [(entry.stat(follow_symlinks=False).st_mtime, entry.path) for entry in entries if _is_log(entry)]
    for at, path in sorted(files)[: max(len(files) - FILES_KEPT, 0)]:
        if at < time.time() - 1:
            Path(path).unlink(missing_ok=True)


def _is_log(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(".log") and entry.is_file(follow_symlinks=False)
