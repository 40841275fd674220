"""Design rules that hold by construction: what the database itself refuses, who may read a clock, what a page never waits for."""

from __future__ import annotations

import ast
import threading
from pathlib import Path

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from tests.live import until
from tests.scenarios.world import World, world  # noqa: F401 - a fixture
from tocsin.paging.models import Notification

ROOT = Path(__file__).parent.parent.parent
# Not about what is decided: the name of a backup's file, its age, made-up data of the example, the due time of a job that is tried again (the
# job queue's own clock), and the time that a signature of an outside product carries.
READ_THE_MACHINES_CLOCK = {"cli/backups.py", "cli/demo.py", "cli/doctor.py", "intake/state.py", "jobs/running.py", "clock.py"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "impossible",
    [
        "state = 'accepted'",  # and still due
        "state = 'pending', due_at = NULL",  # waits, and nobody would ever look at it
        "state = 'sending', due_at = tocsin_now(), lease_until = NULL",  # in somebody's hands for ever
        "user_id = NULL",  # a page for nobody
    ],
)
def test_the_database_refuses_a_page_whose_fields_do_not_fit_its_state(world: World, impossible):  # noqa: F811
    world.policy([world.ana])
    world.alert()
    world.phone.expect(world.ana)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE paging_notification SET state = 'pending', due_at = tocsin_now(), lease_until = NULL")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE paging_notification SET {impossible}")
    assert Notification.objects.get().state == "pending"


@pytest.mark.django_db
def test_no_page_is_lost_when_every_job_of_the_queue_vanishes(world: World):  # noqa: F811
    def vanish() -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers")

    world.policy([world.ana], [world.ben])
    vanish()
    world.alert()
    vanish()
    world.phone.expect(world.ana)
    world.advance(seconds=300)
    vanish()
    world.phone.expect(world.ben)


def test_only_the_clock_reads_the_time():
    """One clock (D6): what is decided goes by the database's time."""
    readers = set()
    for path in (ROOT / "tocsin").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "time.time", "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "timezone.now", "django.utils.timezone.now",
            }:  # fmt: skip
                readers.add(str(path.relative_to(ROOT / "tocsin")))
    assert readers == READ_THE_MACHINES_CLOCK


def test_what_paging_stands_on_cannot_be_deleted_under_it():
    """Deleting is soft (D21): the database refuses to take away a person, method, policy, service or alert that a page refers to."""
    loose = []
    for name in ("paging.Escalation", "paging.Notification", "paging.ContactMethod", "alerts.Alert", "alerts.Service", "alerts.Integration", "alerts.RawEvent"):  # fmt: skip
        for field in apps.get_model(name)._meta.get_fields():
            if isinstance(field, models.ForeignKey) and field.remote_field.on_delete is not models.RESTRICT:
                loose.append(f"{name}.{field.name}")
    # Notes about another row of the same kind, and about raw events, which are kept for a time only.
    assert sorted(loose) == [
        "alerts.Alert.first_raw_event", "alerts.Alert.last_raw_event", "alerts.Alert.lead", "alerts.RawEvent.replay_of",
        "paging.Notification.merged_into",
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_job_that_a_dead_worker_held_is_carried_out_by_the_next(monkeypatch):
    """A killed worker's job stays "doing" for ever in the queue (D7); each worker gives such jobs back once a minute."""
    from tocsin.jobs import running

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '5 minutes') RETURNING id")
        dead = cursor.fetchone()[0]
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id, attempts) VALUES"
            " ('default', 'tocsin.accounts.forget_old', '{\"timestamp\": 0}', 'doing', %s, 1) RETURNING id",
            [dead],
        )
        job = cursor.fetchone()[0]

    def left() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE id = %s", [job])
            return bool(cursor.fetchone()[0])

    stop = threading.Event()
    worker = threading.Thread(target=running.run, args=(stop, "test"))
    worker.start()
    try:
        until(left, lambda there: not there, pause=0.05)  # done, and what is done is deleted
    finally:
        stop.set()
        worker.join(90)
    assert not worker.is_alive()
