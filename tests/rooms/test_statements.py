"""Statements built once read and write what the models would; listeners are told once a transaction; a connection that was cut is replaced."""

from __future__ import annotations

from itertools import takewhile

import psycopg
import pytest
from django.db import close_old_connections, connection, transaction

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.lib import due, statements
from tocsin.lib.database import tell
from tocsin.paging.models import ContactMethod, Escalation
from tocsin.procedures import operations as procedures
from tocsin.procedures.models import ProcedureVersion

METHODS = statements.Read(
    "SELECT {u}, {m}, 7 FROM accounts_user u LEFT JOIN paging_contactmethod m ON m.user_id = u.id WHERE u.email LIKE %s ORDER BY u.id, m.id",
    u=User, m=ContactMethod,
)  # fmt: skip


@pytest.mark.django_db
def test_what_is_read_by_hand_equals_what_the_models_read():
    ana, ben = (User.objects.create_user(f"{name}@example.com", name=name) for name in ("ana", "ben"))
    method = ContactMethod.objects.create(user=ana, kind="screen", verified_at=clock.now())
    rows = METHODS.all("%@example.com")
    assert rows == [(ana, method, 7), (ben, None, 7)]
    assert [row[0].__dict__ for row in rows] == [
        row.__dict__ | {"_state": rows[place][0]._state} for place, row in enumerate(User.objects.order_by("id"))
    ]
    assert METHODS.first("nobody%") is None


@pytest.mark.django_db
def test_a_field_that_is_left_out_is_read_when_it_is_asked_for():
    procedures.current()  # on first use the default comes into force
    found = procedures.current()
    assert found.get_deferred_fields() == {"document"} and found.document == ProcedureVersion.objects.get().document
    assert found.author is None and found.number == 1


@pytest.mark.django_db
def test_rows_written_by_hand_are_what_the_models_write():
    now = clock.now()
    rows = [Escalation(policy_snapshot={"steps": [n]}, subject={"title": "Tür"}, started_at=now, due_at=now) for n in range(2)]
    statements.insert(rows)
    assert [row.policy_snapshot for row in Escalation.objects.order_by("id")] == [{"steps": [0]}, {"steps": [1]}]
    assert [row.pk for row in rows] == list(Escalation.objects.order_by("id").values_list("pk", flat=True))
    rows[0].subject, rows[0].step, rows[0].track = {"title": "B"}, 3, "leadership"
    statements.update(rows[0], "subject", "step")
    stored = Escalation.objects.get(pk=rows[0].pk)
    assert (stored.subject, stored.step, stored.track) == ({"title": "B"}, 3, "on_call")
    statements.update(rows[0])
    assert Escalation.objects.get(pk=rows[0].pk).track == "leadership"


@pytest.fixture
def ear(transactional_db):
    with psycopg.connect(**{k: v for k, v in connection.get_connection_params().items() if k not in ("cursor_factory", "context")}) as one:
        one.autocommit = True
        one.execute("LISTEN test_told")
        yield one


def heard(ear: psycopg.Connection) -> list[str]:
    """What it was told up to now: before what it says to itself now, because all come in the order of the transactions."""
    ear.execute("NOTIFY test_told, 'so far'")
    return list(takewhile(lambda said: said != "so far", (message.payload for message in ear.notifies(timeout=60))))


def test_listeners_are_told_once_a_transaction_and_not_of_what_did_not_happen(ear):
    with transaction.atomic():
        tell("test_told", "a", "b")
        tell("test_told", "a")
        assert not heard(ear)
    assert sorted(heard(ear)) == ["a", "b"]
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        tell("test_told", "c")
        raise ZeroDivisionError
    tell("test_told", "d")
    assert heard(ear) == ["d"]


def test_a_session_that_the_server_ended_is_replaced_before_it_is_used(transactional_db):
    assert clock.now()
    with psycopg.connect(connection.connection.info.dsn) as other:
        other.execute("SELECT pg_terminate_backend(%s, 1000)", [connection.connection.info.backend_pid])
    close_old_connections()
    assert clock.now()


def test_a_wake_up_rings_for_one_thread_that_sleeps_and_for_all_where_none_does():
    busy, asleep = due.bell("test_bells"), due.bell("test_bells")
    asleep.asleep = True
    due.ring("test_bells")
    assert (busy.is_set(), asleep.is_set()) == (False, True)
    due.ring("test_bells")
    assert busy.is_set()


@pytest.mark.django_db
def test_what_is_due_only_after_the_loop_has_looked_by_itself_wakes_nobody():
    now = clock.now()
    with transaction.atomic():
        due.wake("x", at=now + due.LOOKS_WITHIN, now=now)
        assert not connection.to_tell
        due.wake("x", at=now, now=now)
        assert list(connection.to_tell) == [(due.CHANNEL, "x")]
