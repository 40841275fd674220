"""Threads that ask now and then use a few sessions of the database in turn."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from tocsin.lib.database import shared
from tocsin.lib.database.shared import Shelf, borrowed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch):
    """A shelf of this test's own, empty again at its end."""
    made = Shelf()
    monkeypatch.setattr(shared, "shelf", made)
    yield made
    for one, _ in made.idle:
        one.close()


def session() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_one_after_the_other_they_use_the_same_session_and_at_once_each_has_its_own(shelf: Shelf):
    together = threading.Barrier(2)

    def ask(at_once: bool) -> int:
        with borrowed():
            if at_once:
                together.wait(60)
            return session()

    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        own = session()
        assert first.submit(ask, False).result() == second.submit(ask, False).result() != own
        one, other = first.submit(ask, True), second.submit(ask, True)
        assert one.result() != other.result()
    assert len(shelf.idle) == 2 and session() == own


def test_what_nobody_needs_for_ten_seconds_is_closed(shelf: Shelf):
    with borrowed():
        session()
        unused = connection.connection
    shelf.idle = [(one, since - 11) for one, since in shelf.idle]
    shelf.put(shelf.take())
    assert not unused.closed, "the one used last is kept"
    shelf.idle = [(one, since - 11) for one, since in shelf.idle]
    with borrowed():  # takes it; a second one that is put back meanwhile finds nothing that is too old
        shelf.put(Shelf().take())
    shelf.idle = [(one, since - 11) for one, since in shelf.idle]
    shelf.put(Shelf().take())
    assert unused.closed and len(shelf.idle) == 1


def test_a_session_is_not_handed_on_within_a_transaction(shelf: Shelf):
    with borrowed():
        begun = transaction.atomic()
        begun.__enter__()
        session()
        torn = connection.connection
    assert torn.closed and not shelf.idle
