"""The supervisor: one process and no threads, which seats N instances, starts their commands and reports the ends.

Everything happens in `_step`, between two sleeps: commands that ended are reported and followed by the next todo in
the same transaction, idle seats ask for work, leases are renewed, the journal is read on. A step that the database
refuses for now is simply taken again, since what is still to be said stands in the seats.
"""

from __future__ import annotations

import math
import secrets
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from longpole.errors import (
    ClaimLostError,
    InstanceLostError,
    InvalidInputError,
    LongpoleError,
    StorageBusyError,
    StorageUnavailableError,
)
from longpole.model import EventKind, Reason
from longpole.runner.guarding import Guard
from longpole.runner.output import folder_beside
from longpole.runner.report import Happening, Kind, Opening, Silence, counted
from longpole.runner.seat import MARK, Command, Seat
from longpole.runner.summary import FINISHED, INTERRUPTED, PAUSED, STUCK, Tally, summarise
from longpole.runner.wakeups import Wakeups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longpole.handles import Instance
    from longpole.model import Allocation, Event
    from longpole.project import Project
    from longpole.runner.child import Child, Ending
    from longpole.runner.report import Reporter
    from longpole.runner.summary import RunSummary

MAX_INSTANCES = 256
GRACE_S = 5.0
POLL_S = 0.1  # how soon an idle seat sees what others have committed
LOOK_S = 1.0  # how soon busy seats see that a claim of theirs was taken away
RETRY_S = 0.2
ASK_FIRST_S, ASK_LAST_S = 0.05, 1.0  # pauses between two questions while others hold what is left
FOR_ALL = (Reason.FINISHED, Reason.STUCK, Reason.ALL_CLAIMED, Reason.ALL_BLOCKED, Reason.PAUSED)
OVER = {Reason.FINISHED: FINISHED, Reason.STUCK: STUCK}  # and whatever a drained project says
ENDS_OF_CLAIMS = (EventKind.COMPLETED, EventKind.FAILED, EventKind.RELEASED, EventKind.EXPIRED)


def run_instances(  # noqa: PLR0913 - each is an option of `longpole run`
    project: Project,
    command: Sequence[str],
    *,
    instances: int,
    strategy: str | None = None,
    coordination: str | None = None,
    offers: Sequence[str] = (),
    reporter: Reporter | None = None,
    name: str | None = None,
    grace_s: float = GRACE_S,
) -> RunSummary:
    """Run a command for todo after todo in N instances at once until the project is finished, stuck, or drained.

    SIGINT or SIGTERM ends it early: commands get SIGTERM, after `grace_s` (or at a second signal) SIGKILL, and all
    claims are released. The instances are called `name`-1, `name`-2 …; without a name it is made up. Nothing of the
    run is left when this returns or raises: no process, no claim, no instance.
    `strategy` and `coordination` take precedence over the project's. `offers` are labels that todos may need.
    Raises InvalidInputError for a command that cannot be started, a strategy or mechanism that there is not, or a bad
    count.
    """
    if not 1 <= instances <= MAX_INSTANCES:
        raise InvalidInputError(f"a run has 1 to {MAX_INSTANCES} instances, not {instances}")
    if not command or not command[0]:
        raise InvalidInputError("say what to run for each todo, after --: longpole run -n 4 -- COMMAND …")
    if project.url == ":memory:":
        raise InvalidInputError("a project in memory cannot be seen by other processes; open one in a file")
    run = _Run(
        project,
        command,
        strategy=strategy,
        coordination=coordination,
        offers=offers,
        reporter=reporter or Silence(),
        grace_s=grace_s,
    )
    return run.run(name or f"run-{secrets.token_hex(3)}", instances)


class _Run:
    """One run. Times without `_s` at their end are of the monotonic clock."""

    def __init__(
        self,
        project: Project,
        command: Sequence[str],
        *,
        strategy: str | None,
        coordination: str | None,
        offers: Sequence[str],
        reporter: Reporter,
        grace_s: float,
    ) -> None:
        self._project, self._reporter, self._grace_s = project, reporter, grace_s
        self._strategy, self._coordination, self._offers = strategy, coordination, tuple(offers)
        self._logs = folder_beside(project.url)
        self._id, self._serial = secrets.token_hex(8), 0  # what idempotency keys are made of
        self._command = Command(command, project, logs=self._logs, run_id=self._id, offers=self._offers)
        self._wakeups = Wakeups(on_stop=project.hurry)
        self._guard, self._tally = Guard(f"{MARK}={self._id}"), Tally()
        self._seats: list[Seat] = []
        self._reason: Reason | None = None
        self._detail: str | None = None
        self._drained = False
        self._ask_at, self._pause_s = 0.0, ASK_FIRST_S
        self._beat_at = self._look_at = self._read_at = 0.0
        self._heard = -1
        self._cursor = project.cursor()
        self._refused_since: float | None = None
        self._lease_s = project.settings().lease_s

    def run(self, name: str, count: int) -> RunSummary:
        """Do all of it."""
        self._name = name
        try:
            with self._wakeups, self._guard:
                try:
                    return self._work(count)
                finally:
                    self._leave()
        finally:
            self._reporter.end()

    def _work(self, count: int) -> RunSummary:
        for number in range(1, count + 1):
            self._seats.append(Seat(number, self._register(f"{self._name}-{number}")))
        self._begin()
        began = time.monotonic()
        while not (self._wakeups.stops or self._is_over()):
            self._step()
            self._sleep()
        if self._wakeups.stops:
            self._stop()
        makespan_s = time.monotonic() - began
        self._look()
        outcome = OVER.get(self._reason, PAUSED) if self._is_over() and self._reason else INTERRUPTED
        names = {seat.number: seat.instance.name for seat in self._seats}
        return summarise(self._tally, self._project.status(), outcome=outcome, makespan_s=makespan_s, names=names)

    def _begin(self) -> None:
        settings = self._project.settings()
        self._beat_at = time.monotonic() + settings.wake_every_s
        opening = Opening(
            project=self._project.name,
            instances=tuple(seat.instance.name for seat in self._seats),
            strategy=self._strategy or settings.strategy,
            logs=str(self._logs),
        )
        self._reporter.begin(self._project, opening)

    def _is_over(self) -> bool:
        return (self._reason in OVER or self._drained) and all(seat.is_idle for seat in self._seats)

    # One step

    def _step(self) -> None:
        """Do all there is to do now; what the database refuses for the moment is done in a later step."""
        try:
            for seat in self._seats:
                if seat.ending or (seat.child and seat.child.has_ended()):
                    self._report(seat)
            if time.monotonic() >= self._ask_at:
                self._ask()
            if time.monotonic() >= self._beat_at:
                self._beat()
            if time.monotonic() >= self._look_at:
                self._look()
            self._refused_since = None
        except (StorageBusyError, StorageUnavailableError):
            self._refused_since = self._refused_since or time.monotonic()
            if time.monotonic() - self._refused_since > self._lease_s:
                raise  # by now the claims may be somebody else's

    def _sleep(self) -> None:
        if self._is_over():
            return
        idle = any(seat.is_idle for seat in self._seats)
        until = min(self._beat_at, self._look_at, self._ask_at if idle else math.inf)
        pause_s = RETRY_S if self._refused_since else until - time.monotonic()
        for pipe in self._wakeups.wait(pause_s):
            self._hear(pipe)

    def _hear(self, pipe: int) -> None:
        for seat in self._seats:
            if seat.child and pipe in seat.child.pipes and not seat.child.hear(pipe):
                self._wakeups.remove(pipe)

    # Work

    def _ask(self) -> None:
        """Let the idle seats ask for work, until one learns that there is none for anybody."""
        for seat in self._seats:
            if not seat.is_idle:
                continue
            try:
                told = seat.instance.allocate(
                    strategy=self._strategy, coordination=self._coordination, key=self._key_for_next(seat)
                )
            except InstanceLostError as error:
                self._replace(seat, str(error))
                continue
            if not self._take(seat, told) and told.reason in FOR_ALL:
                return

    def _take(self, seat: Seat, told: Allocation) -> bool:
        """Start what a seat was given; False, noting when to ask again, if it was nothing."""
        if not told.claims:
            self._no_work(told)
            return False
        self._reason, self._drained, self._ask_at, self._pause_s = None, False, 0.0, ASK_FIRST_S
        self._serial += 1
        seat.serial = self._serial
        (claim,) = told.claims
        seat.claim = claim
        self._tally.retries += claim.attempt > 1
        seat.child = self._command.start(claim, seat.instance.name)
        self._guard.watch(seat.child.pid)
        for pipe in seat.child.pipes:
            self._wakeups.add(pipe)
        self._note(Kind.STARTED, seat, process_id=seat.child.pid)
        return True

    def _no_work(self, told: Allocation) -> None:
        """Remember why there is no work, and when to ask again if nobody commits anything before that."""
        waits_already = (self._reason, self._detail) == (told.reason, told.detail)
        self._reason, self._detail = told.reason, told.detail
        self._drained = told.reason == Reason.PAUSED and told.retry_after_s is None
        if told.retry_after_s is None:
            self._ask_at = math.inf
        else:
            pause_s = told.retry_after_s if told.retry_after_s > ASK_FIRST_S else self._pause_s
            self._ask_at = time.monotonic() + pause_s
            self._pause_s = min(self._pause_s * 2, ASK_LAST_S)
        if told.reason not in OVER and not self._drained and all(seat.is_idle for seat in self._seats):
            self._release_strays()
            if not waits_already:
                self._reporter.note(Happening(kind=Kind.WAITING, detail=told.detail or ""))

    def _report(self, seat: Seat) -> None:
        """Say how a seat's command ended, and take the next todo along."""
        ending = self._finish(seat)
        try:
            if ending.is_success:
                self._complete(seat, ending)
            else:
                self._fail(seat, ending)
        except ClaimLostError as error:
            self._claim_ended_otherwise(seat, str(error))
        except InstanceLostError as error:
            self._lose(seat, str(error))
            self._replace(seat, str(error))

    def _complete(self, seat: Seat, ending: Ending) -> None:
        claim = seat.claim
        assert claim is not None
        told = seat.instance.complete_and_allocate(
            claim.todo.id,
            claim.token,
            strategy=self._strategy,
            coordination=self._coordination,
            key=self._key_for_end(seat),
        )
        self._completed(seat, ending)
        self._take(seat, told)

    def _completed(self, seat: Seat, ending: Ending) -> None:
        assert seat.claim is not None
        self._tally.complete(seat.claim.todo, ending.seconds)
        self._note(Kind.COMPLETED, seat, seconds=ending.seconds)
        seat.clear()
        self._ask_at = 0.0

    def _fail(self, seat: Seat, ending: Ending) -> None:
        assert seat.claim is not None
        status = seat.instance.fail(seat.claim.todo.id, seat.claim.token, ending.reason, key=self._key_for_end(seat))
        self._tally.failed += 1
        then = "its attempts are used up" if status == "failed" else "it will be tried again"
        self._note(Kind.FAILED, seat, seconds=ending.seconds, detail=f"{ending.reason}; {then}")
        seat.clear()
        self._ask_at = 0.0

    def _claim_ended_otherwise(self, seat: Seat, error: str) -> None:
        """The claim was over before its command ended: the command said how it went itself, or it was taken away."""
        claim, ending = seat.claim, seat.ending
        assert claim is not None
        assert ending is not None
        said = self._end_of(seat)
        if said == EventKind.COMPLETED:
            self._completed(seat, ending)
        elif said in (EventKind.FAILED, EventKind.RELEASED):
            self._tally.failed += said == EventKind.FAILED
            self._note(Kind.HANDED_BACK, seat, seconds=ending.seconds, detail=f"the command said so: {said}")
            seat.clear()
        else:
            self._lose(seat, error)
        self._ask_at = 0.0

    def _end_of(self, seat: Seat) -> EventKind | None:
        """Tell how the journal ends a seat's claim; None if it does not."""
        assert seat.claim is not None
        for event in self._project.journal(todo=seat.claim.todo.id):
            if event.token == seat.claim.token and event.kind in ENDS_OF_CLAIMS:
                return event.kind
        return None

    def _key_for_next(self, seat: Seat) -> str:
        """Make the idempotency key for a seat's next claim: if the answer is lost, the same seat is given it again."""
        return f"{self._id} next {seat.number}.{seat.generation} {seat.serial}"

    def _key_for_end(self, seat: Seat) -> str:
        """Make the idempotency key for the end of a seat's claim."""
        return f"{self._id} end {seat.serial}"

    # Losses

    def _lose(self, seat: Seat, why: str) -> None:
        """A claim is somebody else's: kill the command at once and forget its work."""
        ending = self._finish(seat)
        self._tally.lost += 1
        self._note(Kind.LOST, seat, seconds=ending.seconds, detail=why)
        seat.clear()
        self._ask_at = 0.0

    def _replace(self, seat: Seat, why: str) -> None:
        """Seat a new instance where one was given up."""
        seat.generation += 1
        seat.instance = self._register(f"{self._name}-{seat.number}.{seat.generation}")
        self._note(Kind.REPLACED, seat, detail=why)

    def _release_strays(self) -> None:
        """Give back what our instances hold without a command running for it (a command may claim by itself)."""
        ours = {seat.instance.number: seat.instance for seat in self._seats}
        for info in self._project.instances():
            for todo_id in info.holding if info.number in ours else ():
                with suppress(ClaimLostError, InstanceLostError):
                    ours[info.number].release(todo_id, self._project.todo(todo_id).token)

    # Signs of life

    def _register(self, name: str) -> Instance:
        return self._project.register(name, heartbeat=False, offers=self._offers)

    def _beat(self) -> None:
        """Renew the leases of all instances: from this process, so a command that hogs its own cannot starve it."""
        settings = self._project.settings()
        self._lease_s = settings.lease_s
        for seat in self._seats:
            try:
                seat.instance.heartbeat()
            except InstanceLostError as error:
                if not seat.is_idle:
                    self._lose(seat, str(error))
                self._replace(seat, str(error))
        self._beat_at = time.monotonic() + settings.wake_every_s

    def _look(self) -> None:
        """Read the journal on: what others committed may bring work, or take a claim away."""
        events = self._news()
        if events:
            self._ask_at = min(self._ask_at, time.monotonic())
            self._pause_s = ASK_FIRST_S
        for event in events:
            if event.kind == EventKind.EXPIRED:
                self._expired(event)
            elif event.kind in (EventKind.LOST, EventKind.UNREGISTERED):
                self._beat_at = 0.0  # the beat finds out whether it was one of ours
        self._reporter.tick(events)
        idle = any(seat.is_idle for seat in self._seats)
        self._look_at = time.monotonic() + min(POLL_S if idle else LOOK_S, self._reporter.poll_s)

    def _news(self) -> list[Event]:
        """Read what has been written since, if anything can have been: asking often costs a server something."""
        heard, now = self._project.heard(), time.monotonic()
        if heard == self._heard and now < self._read_at:
            return []
        self._heard, self._read_at = heard, now + LOOK_S
        events = list(self._project.journal(after=self._cursor))
        self._cursor = events[-1].cursor if events else self._cursor
        return events

    def _expired(self, event: Event) -> None:
        for seat in self._seats:
            if seat.holds(event.todo, event.token):
                self._lose(seat, event.why or "the claim has expired")

    # Ends

    def _finish(self, seat: Seat) -> Ending:
        """Make sure that a seat's command is over, and remember how it ended."""
        if seat.ending is None:
            assert seat.child is not None
            child, seat.child = seat.child, None
            self._forget(child)
            seat.ending = child.finish()
            self._guard.forget(child.pid)
            self._tally.work(seat.number, seat.ending.seconds)
        return seat.ending

    def _forget(self, child: Child) -> None:
        for pipe in child.pipes:
            self._wakeups.remove(pipe)

    def _stop(self) -> None:
        """End all commands, gently at first. What had ended by itself before is still reported."""
        stops = self._wakeups.stops  # before anybody can answer: a second signal ends the grace whenever it comes
        running = [seat for seat in self._seats if seat.child and not seat.child.has_ended()]
        self._reporter.note(Happening(kind=Kind.STOPPING, detail=f"{counted(len(running), 'command')} told to end"))
        for seat in running:
            assert seat.child is not None
            seat.child.signal(signal.SIGTERM)
        self._report_last([seat for seat in self._seats if not seat.is_idle and seat not in running])
        deadline = time.monotonic() + self._grace_s
        while any(seat.child and not seat.child.has_ended() for seat in running):
            left_s = deadline - time.monotonic()
            if left_s <= 0 or self._wakeups.stops > stops:
                break
            for pipe in self._wakeups.wait(left_s):
                self._hear(pipe)
        for seat in running:
            ending = self._finish(seat)
            self._note(Kind.RELEASED, seat, seconds=ending.seconds)

    def _report_last(self, seats: list[Seat]) -> None:
        """Report commands that ended just before the run was told to stop, without taking anything new."""
        for seat in seats:
            ending = self._finish(seat)
            assert seat.claim is not None
            try:
                if ending.is_success:
                    seat.instance.complete(seat.claim.todo.id, seat.claim.token)
                    self._completed(seat, ending)
                else:
                    self._fail(seat, ending)
            except StorageBusyError:
                continue  # others were in the way of this one alone
            except StorageUnavailableError:
                return  # each further one would wait as long
            except LongpoleError:
                continue

    def _leave(self) -> None:
        """Whatever happened: leave no command running and no claim held."""
        for seat in self._seats:
            if seat.child:
                self._finish(seat)
        for seat in self._seats:
            try:
                seat.instance.unregister()
            except StorageBusyError:
                continue
            except StorageUnavailableError:
                return  # each further one would wait as long for a server that is away; their leases end by themselves
            except LongpoleError:
                continue

    def _note(
        self, kind: Kind, seat: Seat, *, seconds: float = 0.0, detail: str = "", process_id: int | None = None
    ) -> None:
        self._reporter.note(
            Happening(
                kind=kind,
                instance=seat.instance.name,
                todo=seat.claim.todo if seat.claim else None,
                attempt=seat.claim.attempt if seat.claim else 0,
                process_id=process_id,
                seconds=seconds,
                detail=detail,
            )
        )
