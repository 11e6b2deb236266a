"""The heartbeat of an instance that lives in this process: a thread that beats while the work goes on."""

from __future__ import annotations

import threading

from longpole.errors import InstanceLostError, LongpoleError
from longpole.instances import registration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longpole.store import Store


class Heartbeat:
    """Beats at the project's interval until it is stopped, the project is closed, or the instance turns out to be lost.

    A storage that is busy or away is not a reason to stop: the next beat may get through, and the lease outlasts
    several. The interval is read anew from the settings at each beat.
    """

    def __init__(self, store: Store, number: int) -> None:
        self._store, self._number = store, number
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
        while not self._stop.wait(self._interval_s()):
            try:
                registration.beat(self._store, self._number)
            except InstanceLostError:
                self.lost = True
                return
            except LongpoleError:
                if self._store.closed:
                    return

    def _interval_s(self) -> float:
        try:
            return self._store.look(self._store.state).settings.beat_every_s
        except LongpoleError:
            return 1.0
