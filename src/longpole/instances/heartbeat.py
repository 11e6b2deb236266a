"""The heartbeat of an instance that lives in this process: a thread that beats while the work goes on."""

from __future__ import annotations

import threading
import time

from longpole.errors import InstanceLostError, LongpoleError
from longpole.instances import registration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from longpole.settings import Settings
    from longpole.store import Store

SHARE_DUE = 0.9  # of the interval: a beat that would be due a moment after a wake-up comes with it


class Heartbeat:
    """Beats at the project's interval until it is stopped, the project is closed, or the instance turns out to be lost.

    A storage that is busy or away is not a reason to stop: the next beat may get through, and the lease outlasts
    several. The interval is read anew from the settings at each beat. `lead` is called at least as often: one instance
    leads the others where the settings say so.
    """

    def __init__(self, store: Store, number: int, *, lead: Callable[[Store, int], None]) -> None:
        self._store, self._number, self._lead = store, number, lead
        self._stop = threading.Event()
        self.lost = False
        self._thread = threading.Thread(target=self._run, name=f"longpole-heartbeat-{number}", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Stop beating and wait for the thread's end."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        beaten_at_s = time.monotonic()
        while True:
            settings = self._settings()
            if self._stop.wait(settings.wake_every_s if settings else 1.0):
                return
            try:
                if settings is None or time.monotonic() - beaten_at_s >= SHARE_DUE * settings.beat_every_s:
                    registration.beat(self._store, self._number)
                    beaten_at_s = time.monotonic()
                self._lead(self._store, self._number)
            except InstanceLostError:
                self.lost = True
                return
            except LongpoleError:
                if self._store.closed:
                    return

    def _settings(self) -> Settings | None:
        try:
            return self._store.look(self._store.state).settings
        except LongpoleError:
            return None
