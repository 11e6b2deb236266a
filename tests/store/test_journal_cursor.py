"""Readers of the journal that follow it by cursors, while transactions commit in another order than they began."""

from __future__ import annotations

import random

import pytest

import longpole
from longpole.errors import InvalidInputError
from longpole.model import EventKind
from longpole.store import journal, postgres_cursor
from tests.reliability.mutants import code

FOREIGN = 10**15  # a transaction's number that this server will not come to


@pytest.fixture
def project(shared_url):
    with longpole.open(shared_url) as opened:
        opened.add("a", id="a")
        opened.add("b", id="b")
        yield opened


@pytest.fixture
def overlapping(postgres_url):
    with longpole.open(postgres_url) as opened:
        opened.add("a", id="a")
        opened.add("b", id="b")
        yield opened


class Writer:
    """A transaction that writes to the journal what the test says, when it says."""

    def __init__(self, project):
        self._door = project._store.write()
        self._tx = self._door.__enter__()

    def begin(self):
        """Let the transaction have its number now, before it writes."""
        self._tx.one("SELECT pg_current_xact_id()::TEXT")
        return self

    def write(self, why, todo=1):
        journal.write(self._tx, EventKind.PROGRESSED, todo=todo, why=why)
        return self

    def commit(self):
        self._door.__exit__(None, None, None)


class Reader:
    """Follows the journal by the cursor of the last event that it was given, a page at a time."""

    def __init__(self, project, *, limit=100, todo=None, cursor=None):
        self._project, self._limit, self.todo = project, limit, todo
        self.cursor = project.cursor() if cursor is None else cursor
        self.seen = []

    def page(self):
        """Read a page; whether it was the last."""
        events, whole = self._project._store.look(
            lambda tx: journal.page(tx, self.cursor, todo=self.todo, limit=self._limit)
        )
        self.seen += [event.why for event in events]
        self.cursor = events[-1].cursor if events else self.cursor
        return whole

    def read(self):
        """Read all there is, and give all that was ever seen."""
        while not self.page():
            pass
        return self.seen


def written(project, *whys, todo=1):
    """Write events, each in a transaction of its own."""
    for why in whys:
        Writer(project).write(why, todo).commit()


def test_an_event_that_is_committed_late_is_delivered(overlapping):
    reader = Reader(overlapping)
    late = Writer(overlapping).write("late")
    written(overlapping, "early")

    before = list(reader.read())
    late.commit()

    assert (before, reader.read()) == (["early"], ["early", "late"])


def test_an_event_is_delivered_whose_number_and_transaction_cross_anothers(overlapping):
    # the older transaction writes later: 1st transaction, 2nd event
    reader = Reader(overlapping)
    older = Writer(overlapping).begin()
    newer = Writer(overlapping).write("first")
    older.write("second").commit()

    before = list(reader.read())
    newer.commit()

    assert (before, reader.read()) == (["second"], ["second", "first"])


def test_an_event_is_delivered_whose_transaction_began_before_what_was_seen(overlapping):
    reader = Reader(overlapping)
    older = Writer(overlapping).begin()
    written(overlapping, "first")

    before = list(reader.read())
    older.write("second").commit()

    assert (before, reader.read()) == (["first"], ["first", "second"])


def test_an_open_transaction_holds_up_nothing_but_its_own_events(overlapping):
    reader = Reader(overlapping)
    idle = Writer(overlapping).begin()

    written(overlapping, "one", "two")

    assert reader.read() == ["one", "two"]
    idle.commit()


def test_causes_come_before_effects_though_the_effects_transaction_is_the_older(overlapping):
    reader = Reader(overlapping)
    older = Writer(overlapping).begin()
    written(overlapping, "released")
    older.write("claimed").commit()

    assert reader.read() == ["released", "claimed"]


def test_what_is_committed_while_a_reader_is_between_two_pages_comes_once(overlapping):
    reader = Reader(overlapping, limit=2)
    late = Writer(overlapping).write("late")
    written(overlapping, "1", "2", "3")
    reader.page()
    late.commit()
    written(overlapping, "4")

    assert reader.read() == ["1", "2", "3", "late", "4"]


def test_what_was_running_at_a_page_comes_once_behind_it(overlapping):
    reader = Reader(overlapping, limit=2)
    late = Writer(overlapping).begin()
    written(overlapping, "1", "2", "3")
    late.write("late")
    reader.page()
    late.commit()

    assert reader.read() == ["1", "2", "3", "late"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_a_reader_goes_on_behind_a_page_that_was_just_full(project, limit):
    reader = Reader(project, limit=limit)
    written(project, "1", "2", "3", "4")
    reader.read()

    written(project, "5", "6", "7", "8")
    reader.read()
    written(project, "9")

    assert reader.read() == list("123456789")


def test_a_reader_that_turns_to_one_todo_in_the_midst_of_a_page_goes_on_behind_it(project):
    reader = Reader(project, limit=2)
    written(project, "1", "2", "3")
    reader.page()
    reader.todo = 2
    written(project, "4", todo=2)

    assert reader.read() == ["1", "2", "4"]


def test_any_event_is_a_place_to_go_on_from(project):
    cursor = project.cursor()
    written(project, *"12345")
    events = list(project.journal(after=cursor))
    written(project, *"67")

    rest = [[event.why for event in project.journal(after=one.cursor)] for one in events]

    assert rest == [list("234567"), list("34567"), list("4567"), list("567"), list("67")]


def test_a_number_stands_for_the_events_with_larger_ones(project):
    events = list(project.journal())
    written(project, "1", "2", "3")

    reader = Reader(project, limit=2, cursor=str(events[-1].seq))

    assert reader.read() == ["1", "2", "3"]


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1.5", "1" * 30, "1:2", "a:b:", "1:2:x", "/1:2:", "1:2:/1:2:/", "5/1:2:/3", "//3"]
)
def test_a_text_that_is_no_cursor_is_refused(project, text):
    with pytest.raises(InvalidInputError, match="cursor"):
        project.journal(after=text)


def test_events_of_another_server_are_delivered_to_who_begins_at_the_start_and_do_not_come_again(overlapping):
    written(overlapping, *"12345")
    with overlapping._store.write() as tx:
        tx.run("UPDATE journal SET xid = ? WHERE why IN ('2', '3', '5')", (FOREIGN,))
    behind = Reader(overlapping)
    reader = Reader(overlapping, limit=2, cursor="0")
    for _ in range(3):
        reader.page()
        written(overlapping, "more")

    assert reader.read() == [None, None, *"12345", "more", "more", "more"]
    assert reader.read() == [None, None, *"12345", "more", "more", "more"]
    assert behind.read() == ["more", "more", "more"]


class History:
    """Transactions that begin, write and commit at random; what was committed before something was written."""

    def __init__(self, project, seed):
        self._project, self.draw = project, random.Random(seed)
        self._open, self._written_by = [], {}
        self.committed, self.before = [], {}

    def go_on(self):
        act = self.draw.choice(["begin", "write", "write", "write", "commit"])
        if act == "begin" and len(self._open) < 4:
            self._open.append(Writer(self._project).begin())
        elif self._open:
            writer = self.draw.choice(self._open)
            self._commit(writer) if act == "commit" else self._write(writer)

    def end(self):
        for writer in list(self._open):
            self._commit(writer)

    def _write(self, writer):
        why = str(len(self.before))
        writer.write(why, self.draw.choice([1, 2]))
        self._written_by.setdefault(writer, []).append(why)
        self.before[why] = [*self.committed, *self._written_by[writer][:-1]]

    def _commit(self, writer):
        writer.commit()
        self._open.remove(writer)
        self.committed += self._written_by.pop(writer, [])


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_order_of_commits_each_event_comes_once_and_behind_what_led_to_it(overlapping, seed):
    history = History(overlapping, seed)
    readers = [Reader(overlapping, limit=limit) for limit in (1, 2, 3, 100)]

    for _ in range(120):
        history.go_on()
        history.draw.choice(readers).page()
    history.end()

    for reader in readers:
        seen = {why: place for place, why in enumerate(reader.read())}
        assert sorted(reader.seen) == sorted(history.committed)
        for why, causes in history.before.items():
            assert all(seen[cause] < seen[why] for cause in causes)


def by_number_alone(monkeypatch):
    """Remember the largest number seen, as on SQLite."""
    monkeypatch.setattr(postgres_cursor, "behind", lambda cursor, _: ("j.seq > ?", (int(cursor),)))
    monkeypatch.setattr(postgres_cursor, "at", at_number)


def gated_by_number(monkeypatch):
    """Read what is older than all that runs, and remember the largest number seen."""
    monkeypatch.setattr(
        postgres_cursor,
        "behind",
        lambda cursor, now: ("j.xid < ? AND j.seq > ?", (int(now.split(":")[0]), int(cursor))),
    )
    monkeypatch.setattr(postgres_cursor, "at", at_number)


def at_number(cursor, now, seq, *, whole):
    return cursor if seq is None else str(seq)


def gated_by_transaction(monkeypatch):
    """Read what is older than all that runs, in the order of transactions."""
    monkeypatch.setattr(journal, "page", page_by_transaction)


def page_by_transaction(tx, cursor, *, todo=None, limit=100):
    now = tx._now_seen()
    rows = tx.all(
        "SELECT seq, xid, why FROM journal WHERE why IS NOT NULL AND xid < ? ORDER BY xid, seq",
        (int(now.split(":")[0]),),
    )
    given = [row for row in rows if (row[1], row[0]) > tuple(map(int, cursor.split("-")))] if "-" in cursor else rows
    kind = EventKind.PROGRESSED
    return [
        longpole.model.Event(
            seq=seq, at=0, kind=kind, todo=None, instance=None, token=None, why=why, data=None, cursor=f"{xid}-{seq}"
        )
        for seq, xid, why in given
    ], True


MUTANTS = {
    "the largest number alone": (by_number_alone, test_an_event_that_is_committed_late_is_delivered),
    "a gate, then the largest number": (
        gated_by_number,
        test_an_event_is_delivered_whose_number_and_transaction_cross_anothers,
    ),
    "a gate, then the order of transactions": (
        gated_by_transaction,
        test_causes_come_before_effects_though_the_effects_transaction_is_the_older,
    ),
    "a gate holds up all": (gated_by_number, test_an_open_transaction_holds_up_nothing_but_its_own_events),
    "what ran at the cursor is forgotten": (
        code(postgres_cursor, "_not_in", "if not running", "if True"),
        test_an_event_that_is_committed_late_is_delivered,
    ),
    "what ran at the page counts as seen in it": (
        code(postgres_cursor, "_in", "NOT j.xid = ANY (?)", "?::BIGINT[] IS NOT NULL"),
        test_what_was_running_at_a_page_comes_once_behind_it,
    ),
    "a page goes on in another snapshot than it began in": (
        code(postgres_cursor, "_parts", "return before, until, int(seq)", "return before, now, int(seq)"),
        test_what_is_committed_while_a_reader_is_between_two_pages_comes_once,
    ),
    "new readers get what bears unknown transactions in the first page alone": (
        code(postgres_cursor, "_in", "OR j.xid >= ?", "OR ? < 0"),
        test_events_of_another_server_are_delivered_to_who_begins_at_the_start_and_do_not_come_again,
    ),
    "a reader never leaves its page": (
        code(journal, "page", "if whole and", "if not whole and"),
        lambda project: test_a_reader_goes_on_behind_a_page_that_was_just_full(project, 2),
    ),
    "transactions that have not been are new each time": (
        code(postgres_cursor, "_not_in", "max(end, xmax)", "1 << 62"),
        test_events_of_another_server_are_delivered_to_who_begins_at_the_start_and_do_not_come_again,
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_reader_notices_the_planted_bug(overlapping, mutant, monkeypatch):
    plant, test = MUTANTS[mutant]
    plant(monkeypatch)

    with pytest.raises(AssertionError):
        test(overlapping)
