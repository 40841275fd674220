"""Two transactions that meet are both right, so the one that the database breaks off is done again."""

from __future__ import annotations

import threading

import pytest
from django.db import OperationalError, connection, transaction

from tocsin.lib import conflicts
from tocsin.lib.conflicts import again_on_conflict


@pytest.mark.django_db(transaction=True)
def test_of_two_that_lock_the_same_in_opposite_order_both_come_through():
    meet, tries = threading.Barrier(2), []

    @again_on_conflict
    def act(first: int, second: int) -> None:
        tries.append(first)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL deadlock_timeout = '50ms'")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [first])
            if tries.count(first) == 1:
                meet.wait(60)
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [second])
        done.append(first)

    def work(*locks: int) -> None:
        try:
            act(*locks)
        finally:
            connection.close()

    done: list[int] = []
    threads = [threading.Thread(target=work, args=locks) for locks in ((71, 72), (72, 71))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert sorted(done) == [71, 72] and len(tries) == 3


@pytest.mark.django_db(transaction=True)
def test_any_other_error_is_raised_at_once_and_so_is_one_within_a_larger_transaction(monkeypatch):
    tries = []

    @again_on_conflict
    def fails(sql: str) -> None:
        tries.append(sql)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)

    with pytest.raises(OperationalError):
        fails("SET LOCAL statement_timeout = '1ms'; SELECT pg_sleep(1)")
    with pytest.raises(OperationalError), transaction.atomic():
        fails("DO $$ BEGIN RAISE EXCEPTION 'met' USING ERRCODE = '40001'; END $$")
    assert len(tries) == 2
    monkeypatch.setattr(conflicts, "TRIES", 3)
    monkeypatch.setattr(conflicts.time, "sleep", lambda seconds: None)
    with pytest.raises(OperationalError):
        fails("DO $$ BEGIN RAISE EXCEPTION 'met' USING ERRCODE = '40001'; END $$")
    assert len(tries) == 5  # three times, then it is told
