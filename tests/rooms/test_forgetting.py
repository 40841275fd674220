"""Is what is no longer needed deleted, and everything else kept?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from procrastinate.contrib.django import app

from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.accounts import jobs as accounts_jobs
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import IdempotencyKey, OneTimeToken
from tocsin.alerts import jobs as alerts_jobs
from tocsin.alerts import operations_old
from tocsin.alerts.models import Alert, RawEvent
from tocsin.timeline.models import Entry
from tocsin.timeline.operations import record

pytestmark = pytest.mark.django_db


def event(house: Organisation, days: float, state: str = "done") -> RawEvent:
    return RawEvent.objects.create(
        integration=house.integration, protocol="in", body=b"{}", received_at=clock.now() - timedelta(days=days), state=state
    )


def alert_of(house: Organisation, raw: RawEvent) -> Alert:
    at = raw.received_at
    return Alert.objects.create(
        integration=house.integration, dedup_key="disk", title="Disk full", source_severity="critical", severity="SEV2", started_at=at,
        first_seen=at, last_seen=at, last_event_at=at, first_raw_event=raw, last_raw_event=raw,
    )  # fmt: skip


def test_folded_events_go_after_30_days_and_their_alerts_and_records_stay(monkeypatch):
    monkeypatch.setattr(operations_old, "BATCH", 2)
    house = Organisation()
    refused, waiting = event(house, 90, "refused"), event(house, 90, "new")
    old = [event(house, 31) for _ in range(5)]
    young = event(house, 29)
    alert = alert_of(house, old[0])
    entry = record("alert", "Disk full", by=SYSTEM, now=clock.now(), alert_id=alert.pk)
    alerts_jobs.forget_events(0)
    assert set(RawEvent.objects.values_list("pk", flat=True)) == {refused.pk, waiting.pk, young.pk}
    alert.refresh_from_db()
    assert alert.title == "Disk full" and alert.first_raw_event is None and Entry.objects.filter(pk=entry.pk).exists()
    alerts_jobs.forget_events(0)
    assert RawEvent.objects.count() == 3


def test_a_replayed_event_outlives_the_one_it_repeats():
    house = Organisation()
    first = event(house, 40)
    again = event(house, 1)
    RawEvent.objects.filter(pk=again.pk).update(replay_of=first)
    alerts_jobs.forget_events(0)
    again.refresh_from_db()
    assert again.replay_of is None


def test_answers_tokens_and_sessions_that_ended_are_forgotten():
    house, now = Organisation(), clock.now()
    for key, days in (("old", 2), ("young", 0)):
        row = IdempotencyKey.objects.create(owner="user:1", key=key, fingerprint="x")
        IdempotencyKey.objects.filter(pk=row.pk).update(created_at=now - timedelta(days=days))
    for digest, expires, used in (
        ("set-up", None, None),
        ("open", now + timedelta(days=1), None),
        ("late", now - timedelta(minutes=1), None),
        ("used", None, now - timedelta(days=2)),
    ):
        OneTimeToken.objects.create(purpose="invitation", digest=digest, expires_at=expires, used_at=used)
    for key, hours in (("ended", -1), ("lasting", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(hours=hours))
        UserSession.objects.create(user=house.ana, session_key=key, ip="127.0.0.1", user_agent="", created_at=now, last_seen_at=now)
    accounts_jobs.forget_old(0)
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["young"]
    assert set(OneTimeToken.objects.values_list("digest", flat=True)) == {"set-up", "open"}
    assert list(Session.objects.values_list("session_key", flat=True)) == ["lasting"]
    assert list(UserSession.objects.values_list("session_key", flat=True)) == ["lasting"]


def test_the_jobs_are_due_every_hour():
    app.perform_import_paths()
    due = {task.task.name: task.cron for task in app.periodic_registry.periodic_tasks.values()}
    assert due["tocsin.accounts.forget_old"].startswith("17 ") and due["tocsin.alerts.forget_events"].startswith("41 ")
