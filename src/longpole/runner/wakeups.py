"""What the runner sleeps on: the end of a command, its output, a signal, or the time."""

from __future__ import annotations

import os
import selectors
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Self

POLL_S = 0.05
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wakeups:
    """As a context manager it takes the signals over and gives them back at the end.

    SIGCHLD writes a byte into a pipe, so one sleep covers the ends of all commands, on Linux and on macOS alike.
    Outside the main thread Python takes no signals: there the sleep is cut into short ones.
    """

    stops = 0  # how often the runner was told to stop

    def __init__(self, *, on_stop: Callable[[], None]) -> None:
        self._on_stop = on_stop

    def __enter__(self) -> Self:
        self._selector = selectors.DefaultSelector()
        self._has_signals = threading.current_thread() is threading.main_thread()
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)
        self._selector.register(self._reader, selectors.EVENT_READ)
        self._before: dict[int, Any] = {}
        if self._has_signals:
            self._wakeup_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
            self._take_over()
        return self

    def __exit__(self, *_: object) -> None:
        if self._has_signals:
            for number, handler in self._before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
            signal.set_wakeup_fd(self._wakeup_before)
        self._selector.close()
        os.close(self._reader)
        os.close(self._writer)

    def add(self, pipe: int) -> None:
        """Wake up when this pipe has something to read."""
        self._selector.register(pipe, selectors.EVENT_READ)

    def remove(self, pipe: int) -> None:
        """Do not look at this pipe any more; one that is not looked at is left be."""
        with suppress(KeyError):
            self._selector.unregister(pipe)

    def wait(self, seconds: float) -> list[int]:
        """Sleep until something happens, `seconds` at most; give the pipes that have something to read."""
        timeout = seconds if self._has_signals else min(seconds, POLL_S)
        ready = [key.fd for key, _ in self._selector.select(max(timeout, 0.0))]
        if self._reader in ready:
            ready.remove(self._reader)
            with suppress(BlockingIOError):
                os.read(self._reader, 4096)
        return ready

    def _take_over(self) -> None:
        """Hear the signals. A hang-up that is ignored (nohup) stays ignored."""
        for number in STOPS:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._stop)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _nothing)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stops += 1
        self._on_stop()


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Only a signal with a handler writes into the wake-up pipe."""
