"""Is what is no longer needed deleted, and everything else kept?"""

from __future__ import annotations

import os
from datetime import timedelta

import psycopg
import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from procrastinate.contrib.django import app

from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.accounts import jobs as accounts_jobs
from tocsin.accounts import operations_teams
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import AuditEntry, IdempotencyKey, OneTimeToken, Role
from tocsin.alerts import jobs as alerts_jobs
from tocsin.alerts import operations_old
from tocsin.alerts.models import Alert, EventRetention, RawEvent
from tocsin.lib.refusal import Refused
from tocsin.timeline.models import Entry
from tocsin.timeline.operations import record
from tocsin.web import health

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


def keep(**settings: int) -> None:
    operations_teams.change_organisation(settings, by=SYSTEM, now=clock.now())


def left() -> set[int]:
    return set(RawEvent.objects.values_list("pk", flat=True))


def test_the_organisation_says_how_long_events_are_kept_and_refused_ones_are_kept_longer_but_not_for_ever():
    house = Organisation()
    keep(event_days=7, refused_event_days=60)
    old, refused, very_old, waiting = event(house, 8), event(house, 59, "refused"), event(house, 61, "refused"), event(house, 400, "new")
    young = event(house, 6)
    alerts_jobs.forget_events(0)
    assert left() == {refused.pk, waiting.pk, young.pk} and old.pk not in left() and very_old.pk not in left()
    row = EventRetention.objects.get()
    assert row.deleted == 2 and not row.behind
    assert (row.oldest_at, row.oldest_refused_at) == (young.received_at, refused.received_at)


def test_a_run_goes_on_where_the_last_one_ended_and_once_an_hour_from_the_first_event_on():
    house = Organisation()
    late = event(house, 50, "new")
    event(house, 40)
    alerts_jobs.forget_events(0)
    RawEvent.objects.filter(pk=late.pk).update(state="done")  # it was read late
    alerts_jobs.forget_events(0)
    assert left() == {late.pk}
    EventRetention.objects.update(swept_at=clock.now() - timedelta(minutes=61))
    alerts_jobs.forget_events(0)
    assert left() == set()


def test_above_the_size_that_is_kept_the_oldest_go_first_and_what_waits_stays(monkeypatch):
    monkeypatch.setattr(operations_old, "GIGABYTE", 1_500)  # about five small events
    monkeypatch.setattr(operations_old, "BATCH", 3)
    house = Organisation()
    keep(event_gigabytes=1)
    waiting, refused = event(house, 3, "new"), event(house, 3, "refused")
    done = [event(house, 2 - n / 10) for n in range(10)]
    alerts_jobs.forget_events(0)
    assert waiting.pk in left() and refused.pk in left()
    assert left() & {one.pk for one in done} == {one.pk for one in done[-len(left()) + 2 :]} and 3 <= len(left()) <= 5
    assert operations_old.held_bytes() <= 1_500


def test_where_only_refused_events_are_left_the_oldest_of_them_make_room(monkeypatch):
    monkeypatch.setattr(operations_old, "GIGABYTE", 1_000)
    house = Organisation()
    keep(event_gigabytes=1)
    refused = [event(house, 3 - n / 10, "refused") for n in range(6)]
    waiting = [event(house, 1, "new") for _ in range(2)]
    alerts_jobs.forget_events(0)
    assert {one.pk for one in waiting} <= left() and refused[0].pk not in left() and refused[-1].pk in left()


def test_a_run_ends_after_its_time_says_that_it_is_behind_and_the_next_one_goes_on(monkeypatch):
    monkeypatch.setattr(operations_old, "BATCH", 2)
    monkeypatch.setattr(alerts_jobs, "MOST_SECONDS", 0.0)
    house = Organisation()
    for _ in range(5):
        event(house, 40)
    alerts_jobs.forget_events(0)
    assert len(left()) == 3 and EventRetention.objects.get().behind
    monkeypatch.setattr(alerts_jobs, "MOST_SECONDS", 45.0)
    alerts_jobs.forget_events(0)
    assert not left() and not EventRetention.objects.get().behind and EventRetention.objects.get().deleted == 5


@pytest.mark.django_db(transaction=True)
def test_an_alert_that_is_being_changed_is_not_waited_for():
    house = Organisation()
    held, free = event(house, 40), event(house, 40)
    alert = alert_of(house, held)
    with psycopg.connect(os.environ["TOCSIN_DATABASE_URL"]) as other:
        other.execute("SELECT 1 FROM alerts_alert WHERE id = %s FOR UPDATE", [alert.pk])
        alerts_jobs.forget_events(0)  # it would wait for ever: the other one goes on only afterwards
        assert left() == {held.pk} and free.pk not in left()
    EventRetention.objects.update(swept_at=None)
    alerts_jobs.forget_events(0)
    alert.refresh_from_db()
    assert left() == set() and alert.first_raw_event_id is None and alert.last_raw_event_id is None


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"event_days": 0}, "event_days"),
        ({"event_days": 3_651}, "event_days"),
        ({"event_days": 200}, "refused_event_days"),
        ({"refused_event_days": 29}, "refused_event_days"),
        ({"event_gigabytes": 0}, "event_gigabytes"),
        ({"event_gigabytes": None}, "event_gigabytes"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(settings, field):
    with pytest.raises(Refused) as refused:
        keep(**settings)
    assert list(refused.value.errors) == [field]


def test_the_settings_page_and_the_metrics_say_how_much_is_kept_and_a_change_is_in_the_audit(client, monkeypatch):
    house = Organisation()
    event(house, 40)
    event(house, 3)
    alerts_jobs.forget_events(0)
    house.ana.role = Role.ADMINISTRATOR
    house.ana.save()
    client.force_login(house.ana)
    shown = client.get("/settings/organisation/").content.decode()
    assert "Oldest kept" in shown and "up to date" in shown
    form = {"name": "House", "time_zone": "UTC", "day_starts": "09:00", "day_ends": "17:00", "fallback_user": house.ana.pk}
    bad = client.post("/settings/organisation/", form | {"event_days": "x", "refused_event_days": "90", "event_gigabytes": "20"})
    assert bad.status_code == 422 and 'value="x"' in bad.content.decode()
    client.post("/settings/organisation/", form | {"event_days": "14", "refused_event_days": "90", "event_gigabytes": "20"})
    entry = AuditEntry.objects.filter(verb="organisation.changed").latest("id")
    assert entry.data["changes"]["event_days"] == ["30", "14"]
    monkeypatch.setattr(health, "close_old_connections", lambda: None)  # this test's transaction lives in it
    found = {gauge.name: gauge.samples[0].value for gauge in health._read() if gauge.name.startswith("tocsin_raw_events_")}
    assert found["tocsin_raw_events_deleted"] == 1 and found["tocsin_raw_events_bytes"] > 300
    assert found["tocsin_raw_events_late_seconds"] == 0 and 2.9 < found["tocsin_raw_events_oldest_seconds"] / 86_400 < 3.1


def test_answers_tokens_and_sessions_that_ended_are_forgotten(real_time):  # sessions end by Django's own clock
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


def test_the_jobs_are_due_every_hour_and_that_of_events_every_minute():
    app.perform_import_paths()
    due = {task.task.name: task.cron for task in app.periodic_registry.periodic_tasks.values()}
    assert due["tocsin.accounts.forget_old"].startswith("17 ") and due["tocsin.alerts.forget_events"] == "* * * * *"
