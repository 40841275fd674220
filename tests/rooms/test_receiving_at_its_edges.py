"""Events that come in the wrong order, after a gap of our own, or among others that cannot be folded."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from tests.rooms.test_receiving_events import House
from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.alerts import operations, operations_silences
from tocsin.alerts.models import Alert, EarlyResolution, RawEvent
from tocsin.obligations.models import Obligation
from tocsin.paging.models import Escalation
from tocsin.response import alert_effects, receive_events

pytestmark = pytest.mark.django_db


def ago(**span: float) -> str:
    return (clock.now() - timedelta(**span)).isoformat()


def test_a_resolution_that_overtakes_its_trigger_keeps_it_from_paging():
    house = House()
    house.alert(status="resolved", startsAt=ago(minutes=3), endsAt=ago(minutes=1))
    raw = house.alert(startsAt=ago(minutes=3))
    assert not Alert.objects.exists() and not Escalation.objects.exists()
    assert raw.outcomes[0]["change"] == "ignored" and "resolution was faster" in raw.outcomes[0]["reason"]


def test_also_within_one_batch():
    house = House()
    for body in (
        {"status": "resolved", "startsAt": ago(minutes=3), "endsAt": ago(minutes=1)},
        {"status": "firing", "startsAt": ago(minutes=3)},
    ):
        house.send({"alerts": [{**body, "fingerprint": "A", "labels": {"alertname": "A", "severity": "critical"}}]})
    house.fold()
    assert not Alert.objects.exists()


def test_what_began_after_the_resolution_pages():
    house = House()
    house.alert(status="resolved", startsAt=ago(minutes=9), endsAt=ago(minutes=2))
    house.alert(startsAt=ago(minutes=1))
    assert Alert.objects.get().status == "firing" and Escalation.objects.count() == 1


def test_a_trigger_without_a_time_of_its_own_pages():
    house = House()
    house.alert(status="resolved", endsAt=ago(seconds=1))
    house.alert()
    assert Alert.objects.get().status == "firing"


def test_the_resolution_is_forgotten_after_five_minutes():
    house = House()
    house.alert(status="resolved", startsAt=ago(minutes=3), endsAt=ago(minutes=1))
    clock.shift(timedelta(minutes=6))
    house.alert(startsAt=ago(minutes=9))
    assert Alert.objects.get().status == "firing"
    house.alert(status="resolved", key="B", endsAt=ago(seconds=1))
    assert [row.dedup_key for row in EarlyResolution.objects.all()] == ["B"]


def short_lived(house: House) -> Alert:
    """An alert of Alertmanager's API that runs out in five minutes."""
    house.send([{"labels": {"alertname": "A", "severity": "critical"}}], protocol="alertmanager_api")
    house.fold()
    return Alert.objects.get()


def attended(ago: str, since: str = "1 day") -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM alerts_attendance")
        cursor.execute(
            "INSERT INTO alerts_attendance (id, at, since) VALUES (1, clock_timestamp() - %s::interval, clock_timestamp() - %s::interval)",
            [ago, since],
        )


def test_after_a_gap_of_ours_nothing_expires_before_its_source_could_renew_it():
    house = House("alertmanager_api_v2")
    alert = short_lived(house)
    clock.shift(timedelta(minutes=10))
    attended("10 minutes")
    house.fold()
    alert.refresh_from_db()
    assert alert.status == "firing"
    assert receive_events.LOOP.next_due() is None  # nothing to do in vain until the grace is over
    house.fold()
    alert.refresh_from_db()
    assert alert.status == "firing"
    attended("1 second", since="6 minutes")
    house.fold()
    alert.refresh_from_db()
    assert alert.status == "resolved"


def test_without_a_gap_it_expires_on_time():
    house = House("alertmanager_api_v2")
    alert = short_lived(house)
    attended("30 seconds")
    clock.shift(timedelta(minutes=6))
    house.fold()
    alert.refresh_from_db()
    assert alert.status == "resolved"


def test_the_database_failing_for_one_integration_holds_up_no_other(monkeypatch):
    house, real = House(), receive_events._take_of
    other = operations.create_integration(name="Other", kind="alertmanager", service=house.service.pk, by=SYSTEM, now=clock.now())

    def broken(integration_id):
        if integration_id == house.integration.pk:
            raise OperationalError("canceling statement due to statement timeout")
        return real(integration_id)

    house.send({"alerts": [{"status": "firing", "fingerprint": "A", "labels": {"alertname": "A"}}]})
    body = json.dumps({"alerts": [{"status": "firing", "fingerprint": "B", "labels": {"alertname": "B"}}]}).encode()
    operations.accept(other, body=body, protocol="in", now=clock.now())
    monkeypatch.setattr(receive_events, "_take_of", broken)
    assert receive_events.take() == 1
    assert Alert.objects.get().dedup_key.endswith("B") or Alert.objects.get().title == "B"
    with pytest.raises(OperationalError):
        receive_events.take()
    monkeypatch.undo()
    house.fold()
    assert not RawEvent.objects.filter(state="new").exists()


def test_one_alert_whose_end_fails_does_not_keep_the_others_from_ending(monkeypatch):
    house = House("alertmanager_api_v2", group_minutes=0)
    house.send([{"labels": {"alertname": name, "severity": "critical"}} for name in "AB"], protocol="alertmanager_api")
    house.fold()
    real = alert_effects.expired

    def broken(rows, why, **more):
        if any(row.state.title == "A" for row in rows):
            raise RuntimeError("this one is broken")
        real(rows, why, **more)

    monkeypatch.setattr(alert_effects, "expired", broken)
    clock.shift(timedelta(minutes=6))
    house.fold()
    assert set(Alert.objects.values_list("status", flat=True)) == {"resolved"}
    assert Escalation.objects.get(alert__title="B").status == "stopped"


def silence(house: House, severity: str, **length: float):
    return operations_silences.create_silence(
        matchers=[{"name": "severity", "value": severity}],
        ends_at=clock.now() + timedelta(**length),
        reason="work",
        by=SYSTEM,
        now=clock.now(),
    )


def test_an_alert_that_grows_out_of_its_silence_is_paged_once_and_its_acknowledgement_is_owed():
    house = House()
    silence(house, "warning", hours=1)
    house.alert("warning")
    assert not Escalation.objects.exists()
    house.alert("critical")
    alert = Alert.objects.get()
    assert alert.suppressed_by == "" and Obligation.objects.filter(alert_id=alert.pk, kind="acknowledge").count() == 1
    assert Escalation.objects.count() == 1
    Escalation.objects.update(status="acknowledged", due_at=None)
    clock.shift(timedelta(hours=2))
    house.fold()
    assert Escalation.objects.count() == 1  # the end of the silence does not page again what was paged and acknowledged


def test_an_alert_that_grows_into_a_silence_is_paged_when_that_ends():
    house = House()
    silence(house, "critical", hours=1)
    house.alert("warning")
    Escalation.objects.update(status="acknowledged", due_at=None)
    before = Escalation.objects.count()
    house.alert("critical")
    assert Alert.objects.get().suppressed_by.startswith("silence") and Escalation.objects.count() == before
    clock.shift(timedelta(hours=2))
    house.fold()
    assert Alert.objects.get().suppressed_by == "" and Escalation.objects.count() == before + 1


def test_a_silence_that_was_looked_at_as_over_holds_nothing_back_any_more():
    house = House()
    held = silence(house, "critical", hours=1)
    type(held).objects.filter(pk=held.pk).update(
        released_at=clock.now()
    )  # by another worker, while this one's clock still says before its end
    house.alert("critical")
    assert Escalation.objects.count() == 1
