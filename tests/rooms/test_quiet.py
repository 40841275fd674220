"""Maintenance, acts on many alerts, feedback, the noise report and exports: what they do, and what they refuse."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.test_frame import call, token
from tocsin import clock
from tocsin.accounts.models import Organisation
from tocsin.alerts import operations, operations_quiet, queries_noise
from tocsin.alerts.models import Alert, BulkAction, Feedback, MaintenanceWindow
from tocsin.domain.noise import Noise, suggestions
from tocsin.lib import csv_rows, recurrence
from tocsin.lib.refusal import Refused
from tocsin.paging.models import Escalation
from tocsin.response import bulk_alerts, receive_events

pytestmark = pytest.mark.django_db


def fire(world, name: str = "DiskFull", status: str = "firing") -> Alert:
    body = {"alerts": [{"status": status, "labels": {"alertname": name, "severity": "critical"}}]}
    operations.accept(world.integration, body=json.dumps(body).encode(), protocol="in", now=clock.now())
    while receive_events.take():
        pass
    return Alert.objects.order_by("-id")[0]


def test_a_rule_keeps_its_wall_clock_over_summer_time():
    starts = list(recurrence.occurrences(datetime(2026, 3, 22, 2, 30), "FREQ=WEEKLY;BYDAY=SU;COUNT=3", "Europe/Berlin"))
    assert starts == [
        datetime(2026, 3, 22, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(2026, 4, 5, 0, 30, tzinfo=UTC),
    ]


ENDLESS = [
    "FREQ=DAILY",
    "FREQ=SECONDLY;COUNT=2",
    "COUNT=3",
    "FREQ=DAILY;COUNT=0",
    "FREQ=DAILY;UNTIL=20270101T000000Z",
    "FREQ=DAILY;BYDAY=XX;COUNT=2",
]


@pytest.mark.parametrize("rule", [*ENDLESS, "x" * 600, "FREQ=DAILY;COUNT=2\n"])
def test_a_rule_without_an_end_or_sense_is_refused(rule):
    assert recurrence.complaint(rule)


def test_a_rule_that_never_happens_ends_the_search():
    assert recurrence.complaint("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5") == ""
    assert recurrence.following(datetime(2026, 1, 1), "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5", "UTC", 60, clock.now()) is None


def window(world, **fields) -> MaintenanceWindow:
    start = clock.now().astimezone(UTC) - timedelta(minutes=5)
    given = {
        "title": "New disks",
        "reason": "They are full",
        "starts": f"{start:%Y-%m-%dT%H:%M}",
        "minutes": 60,
        "services": [world.service.pk],
        **fields,
    }
    return operations_quiet.plan_window(**given, by=world.by, now=clock.now())


def test_maintenance_that_ends_while_an_alert_still_fires_pages_once(world):
    world.policy([world.ana])
    planned = window(world)
    alert = fire(world)
    assert alert.suppressed_by.startswith(f"maintenance window {planned.pk}: New disks")
    assert not Escalation.objects.exists()
    world.advance(minutes=61)
    world.phone.expect(world.ana)
    alert.refresh_from_db()
    planned.refresh_from_db()
    assert alert.suppressed_by == "" and Escalation.objects.count() == 1 and planned.ended_at


def test_a_recurring_window_goes_on_to_its_next_occurrence(world):
    planned = window(world, rule="FREQ=DAILY;COUNT=3")
    first = planned.silences.get()
    world.advance(minutes=61)
    following = planned.silences.get(released_at=None)
    assert following.starts_at - first.starts_at == timedelta(days=1)
    operations_quiet.end_window(planned, by=world.by, now=clock.now())
    world.advance(days=1)
    assert not planned.silences.filter(released_at=None).exists()


WRONG = [
    ({"services": []}, "services"), ({"starts": "soon"}, "starts"), ({"minutes": 0}, "minutes"), ({"time_zone": "Mars"}, "time_zone"),
    ({"rule": "FREQ=DAILY"}, "rule"), ({"starts": "2020-01-01T00:00"}, "starts"), ({"reason": " "}, "reason"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "field"), WRONG)
def test_a_window_that_cannot_be_names_the_field(world, wrong, field):
    with pytest.raises(Refused) as refused:
        window(world, **wrong)
    assert field in refused.value.errors


def test_many_are_acknowledged_after_saying_what_will_happen_and_taken_back(world):
    Organisation.objects.update(group_minutes=0)  # three causes, not one
    world.policy([world.ana])
    alerts = [fire(world, f"Disk{n}") for n in range(3)]
    world.settle()
    plan = bulk_alerts.plan(action="acknowledge", alert_ids=[one.pk for one in alerts], by=world.by, now=world.now)
    assert plan.changes == 3 and not plan.typed and plan.sentences[0].startswith("3 alerts will be yours; paging for 3 of them stop")
    row = bulk_alerts.carry_out(plan, key="k", by=world.by, now=world.now)
    assert bulk_alerts.carry_out(plan, key="k", by=world.by, now=world.now).pk == row.pk and BulkAction.objects.count() == 1
    row.refresh_from_db()
    assert sorted(row.changed_ids) == [one.pk for one in alerts] and not Escalation.objects.filter(status="running").exists()
    assert bulk_alerts.undo(row, by=world.by, now=world.now) == 3
    world.settle()
    assert Escalation.objects.filter(status="running").count() == 3
    world.phone.unread.clear()


def test_a_hundred_and_more_need_their_number_typed_and_the_worker_does_the_rest(world):
    alerts = Alert.objects.bulk_create(
        Alert(integration=world.integration, dedup_key=f"k{n}", title=f"T{n}", source_severity="info", severity="SEV4", started_at=world.now,
              first_seen=world.now, last_seen=world.now, last_event_at=world.now) for n in range(230)
    )  # fmt: skip
    plan = bulk_alerts.plan(action="resolve", alert_ids=[one.pk for one in alerts], by=world.by, now=world.now)
    with pytest.raises(Refused):
        bulk_alerts.carry_out(plan, key="many", typed="yes", by=world.by, now=world.now)
    row = bulk_alerts.carry_out(plan, key="many", typed="230", by=world.by, now=world.now)
    assert row.finished_at is None and row.position == 0
    while bulk_alerts.take():
        pass
    row.refresh_from_db()
    assert row.finished_at and len(row.changed_ids) == 230 and not Alert.objects.filter(status="firing").exists()
    assert bulk_alerts.undo(row, by=world.by, now=world.now) == 230


def test_feedback_is_one_answer_a_person_and_the_report_counts_it(world, client):
    alert = fire(world)
    bearer = token("respond", user=world.ana)
    assert call("POST", f"/alerts/{alert.pk}/feedback", {"useful": True}, bearer=bearer).json() == {"useful": 1, "noise": 0}
    assert call("POST", f"/alerts/{alert.pk}/feedback", {"useful": False}, bearer=bearer).json() == {"useful": 0, "noise": 1}
    assert Feedback.objects.count() == 1
    for by in queries_noise.BY:
        (row,) = queries_noise.report(by, world.now - timedelta(days=1), world.now + timedelta(seconds=1))
        assert row.alerts == 1 and row.noise == 1, by
    client.force_login(world.ana)
    assert "checkout" in client.get("/alerts/noise/").content.decode()
    assert "noise" in call("GET", "/reports/noise.csv?by=title", bearer=bearer).content.decode()
    world.phone.unread.clear()


def test_suggestions_follow_from_figures():
    assert suggestions(Noise("1", "x", 4, passing=4)) == []
    assert "Over by itself within 5 min in 95 %" in suggestions(Noise("1", "x", 20, passing=19))[0]
    assert "false alarms" in suggestions(Noise("1", "x", 10, false_alarms=6))[0]


def test_exports_are_safe_for_spreadsheets(world):
    fire(world, "=cmd|' /C calc'!A0")
    bearer = token("read")
    answer = call("GET", "/alerts.csv?status=firing", bearer=bearer)
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("id,status,severity,title") and "'=cmd" in text and "\n" not in text.splitlines()[1]
    lines = b"".join(call("GET", "/alerts.jsonl", bearer=bearer).streaming_content).decode().splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["=cmd|' /C calc'!A0"]
    assert list(csv_rows.lines(["a"], [["@x"], [-1]]))[1:] == ["'@x\r\n", "-1\r\n"]
    world.phone.unread.clear()


def test_bulk_over_http_says_first_and_does_then(world):
    alert = fire(world)
    bearer = token("respond", user=world.ana)
    said = call("POST", "/alerts/bulk", {"action": "resolve", "filter": {"q": "disk"}, "dry_run": True}, bearer=bearer).json()
    assert said["alerts"] == 1 and said["sentences"][0].startswith("1 alert will be resolved")
    done = call("POST", "/alerts/bulk", {"action": "resolve", "alerts": [alert.pk]}, bearer=bearer).json()
    assert done["act"]["changed"] == 1 and call("GET", f"/alerts/bulk/{done['act']['id']}", bearer=bearer).json()["finished_at"]
    assert call("POST", f"/alerts/bulk/{done['act']['id']}/undo", {}, bearer=bearer).json()["again"] == 1
    assert call("POST", "/alerts/bulk", {"action": "explode", "alerts": [alert.pk]}, bearer=bearer).status_code == 422
    world.phone.unread.clear()
