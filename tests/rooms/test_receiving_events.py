"""Events come in: they become alerts, and the right people hear of them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection

from tocsin import clock
from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.accounts.models import Team, User
from tocsin.alerts import operations, operations_rows, operations_silences, queries
from tocsin.alerts.models import Alert, ChangeEvent, RawEvent
from tocsin.incidents.models import Ticket
from tocsin.integrations.registry import SOURCES
from tocsin.lib.refusal import Refused
from tocsin.obligations.models import Obligation
from tocsin.paging.models import ContactMethod, Escalation, EscalationPolicy, NotificationRule
from tocsin.postgres import migrated
from tocsin.response import receive_events
from tocsin.response.pace import Pace
from tocsin.response.replay import replay
from tocsin.response.resolve_alert import resolve_alert
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


class House:
    """Ana's team with a service, paged through Ana, and one integration."""

    def __init__(self, kind="alertmanager", **service):
        now = clock.now()
        self.ana = User.objects.create_user("ana@example.com", name="Ana")
        screen = ContactMethod.objects.create(user=self.ana, kind="screen", address="screen", verified_at=now)
        NotificationRule.objects.create(user=self.ana, contact_method=screen)
        self.team = Team.objects.create(name="Payments", slug="payments")
        self.policy = EscalationPolicy.objects.create(
            name="Payments", team=self.team, steps=[{"wait_seconds": 300, "targets": [{"kind": "user", "id": self.ana.pk}]}]
        )
        self.service = operations.create_service(
            name="checkout", team=self.team.pk, escalation_policy=self.policy.pk, by=SYSTEM, now=now, **service
        )
        self.integration = operations.create_integration(name="Prometheus", kind=kind, service=self.service.pk, by=SYSTEM, now=now)

    def send(self, body, protocol="in", **more):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return operations.accept(self.integration, body=body, protocol=protocol, now=clock.now(), **more)

    def fold(self):
        while receive_events.take():
            pass

    def alert(self, severity="critical", status="firing", key="A", **more):
        body = {"alerts": [{"status": status, "fingerprint": key, "labels": {"alertname": key, "severity": severity}, **more}]}
        raw = self.send(body)
        self.fold()
        raw.refresh_from_db()
        return raw


def test_equal_events_make_one_alert_that_counts_them():
    house = House()
    for _ in range(4):
        house.send({"alerts": [{"status": "firing", "fingerprint": "A", "labels": {"alertname": "A", "severity": "critical"}}]})
    house.fold()
    alert = Alert.objects.get()
    assert (alert.event_count, alert.status, alert.severity, alert.service) == (4, "firing", "SEV2", house.service)
    assert [row.outcomes[0]["change"] for row in RawEvent.objects.order_by("id")] == ["opened", "folded", "folded", "folded"]
    assert alert.first_raw_event_id < alert.last_raw_event_id
    assert any("checkout" in line for line in alert.trace)


def test_a_source_sees_the_kept_headers_and_a_replay_keeps_them(monkeypatch):
    house, seen = House(), []
    monkeypatch.setattr(SOURCES["alertmanager"], "parse", lambda received: seen.append(received.headers) or [])
    raw = house.send({}, headers={"x-event-key": "pr:merged"})
    house.fold()
    replay(RawEvent.objects.get(pk=raw.pk), by=Actor(house.ana, "Ana", "web"), now=clock.now())
    house.fold()
    assert seen == [{"x-event-key": "pr:merged"}] * 2


@pytest.mark.clause("S15", "S35")
def test_sev2_pages_the_person_on_call_alone_and_owes_the_acknowledgement_from_acceptance():
    house = House()
    raw = house.alert()
    assert [(e.track, e.status) for e in Escalation.objects.all()] == [("on_call", "running")]
    owed = Obligation.objects.get(kind="acknowledge")
    assert owed.started_at == raw.received_at and owed.due_at == raw.received_at + timedelta(minutes=15)


@pytest.mark.clause("S5", "S6")
def test_sev1_is_due_within_five_minutes_and_pages_at_once():
    house = House(severity_map={"critical": "SEV1"})
    raw = house.alert()
    assert Alert.objects.get().severity == "SEV1"
    assert Escalation.objects.get(track="on_call").status == "running"
    assert Obligation.objects.get(kind="acknowledge").due_at == raw.received_at + timedelta(minutes=5)


@pytest.mark.clause("S24")
def test_sev3_is_a_message_in_the_owning_teams_room_and_nobody_is_paged():
    house = House()
    house.alert("warning")
    assert not Escalation.objects.exists()
    assert "SEV3" in Entry.objects.get(team_id=house.team.pk, kind="team_message").text


@pytest.mark.clause("S32")
def test_sev4_is_a_ticket_and_nobody_is_paged_or_messaged():
    house = House()
    house.alert("info")
    assert Ticket.objects.get().alert == Alert.objects.get()
    assert not Escalation.objects.exists() and not Entry.objects.filter(kind="team_message").exists()


def test_the_source_resolves_its_alert_and_the_paging_stops_and_a_later_trigger_is_a_new_alert():
    house = House()
    house.alert()
    house.alert(status="resolved")
    first = Alert.objects.get()
    assert first.status == "resolved" and first.event_count == 2
    assert Escalation.objects.get().status == "stopped"
    assert Obligation.objects.get(kind="acknowledge").state == "not_applicable"
    house.alert()
    assert Alert.objects.count() == 2 and Alert.objects.filter(status="firing").count() == 1


def test_a_whole_life_within_one_batch_pages_nobody():
    house = House()
    for status in ("firing", "resolved", "firing", "resolved"):
        house.send({"alerts": [{"status": status, "fingerprint": "A", "labels": {"alertname": "A", "severity": "critical"}}]})
    house.fold()
    assert [a.status for a in Alert.objects.all()] == ["resolved", "resolved"]
    assert not Escalation.objects.filter(status="running").exists()


def test_a_resolve_without_an_alert_is_accepted_and_says_that_nothing_was_open():
    house = House()
    raw = house.alert(status="resolved")
    assert raw.state == "done" and raw.outcomes[0]["change"] == "ignored" and "no alert is open" in raw.outcomes[0]["reason"]
    assert not Alert.objects.exists()


def test_a_late_event_changes_nothing_but_the_count():
    house = House()
    house.alert(startsAt="2026-11-23T10:05:00Z")
    house.alert(status="resolved", startsAt="2026-11-23T10:00:00Z", endsAt="2026-11-23T10:01:00Z")
    assert (Alert.objects.get().status, Alert.objects.get().event_count) == ("firing", 2)


def test_a_firing_message_older_than_the_resolution_opens_nothing():
    house = House()
    house.alert(startsAt="2026-11-23T10:00:00Z")
    house.alert(status="resolved", startsAt="2026-11-23T10:00:00Z", endsAt="2026-11-23T10:05:00Z")
    raw = house.alert(startsAt="2026-11-23T10:00:00Z")
    assert raw.outcomes[0]["change"] == "ignored" and Alert.objects.get().status == "resolved"


def test_a_worse_severity_starts_the_paging_that_the_first_one_did_not_need():
    house = House()
    house.alert("warning")
    assert not Escalation.objects.exists()
    house.alert("critical")
    assert Alert.objects.get().severity == "SEV2" and Escalation.objects.get().status == "running"


def test_a_bad_item_is_refused_alone_and_shown():
    house = House()
    raw = house.send({"alerts": [{"labels": {"alertname": "A"}}, 7, {"labels": {"alertname": "B"}}]})
    house.fold()
    raw.refresh_from_db()
    assert raw.state == "refused" and [o["change"] for o in raw.outcomes] == ["opened", "refused", "opened"]
    assert raw.error and Alert.objects.count() == 2


def test_a_body_that_cannot_be_read_is_kept_and_can_be_replayed():
    house = House()
    raw = house.send({"nothing": "here"})
    house.fold()
    raw.refresh_from_db()
    assert raw.state == "refused" and "alerts" in raw.error
    house.integration.kind = "generic"
    house.integration.save()
    again = replay(raw, Actor.of(house.ana, "web"), clock.now())
    house.fold()
    again.refresh_from_db()
    assert again.replay_of == raw and again.state == "done" and Alert.objects.count() == 1


def test_a_poison_event_ends_up_alone_and_its_neighbours_are_unharmed(monkeypatch):
    house, tries = House(), []
    rows = [house.send({"alerts": [{"labels": {"alertname": "Poison" if n == 20 else f"A{n}"}}]}) for n in range(64)]
    original = operations.fold_events

    def fold_events(integration, readings, **more):
        tries.append(len(readings))
        if any(event.title == "Poison" for reading in readings for event in reading.events):
            raise DatabaseError("a value that the database refuses")
        return original(integration, readings, **more)

    monkeypatch.setattr(operations, "fold_events", fold_events)
    receive_events.take()
    assert sorted(tries, reverse=True) == [64, 32, 32, 16, 16, 8, 8, 4, 4, 2, 2, 1, 1]  # halved, not one by one
    assert Alert.objects.count() == 63 and list(Alert.objects.order_by("id").values_list("title", flat=True)[19:21]) == ["A19", "A21"]
    house.fold()
    states = dict(RawEvent.objects.values_list("pk", "state"))
    poison = RawEvent.objects.get(pk=rows[20].pk)
    assert states.pop(poison.pk) == "refused" and set(states.values()) == {"done"}
    assert "refuses" in poison.error and poison.attempts == 3


def test_a_page_that_cannot_be_claimed_does_not_hold_up_the_events(monkeypatch):
    house = House()
    house.send({"alerts": [{"labels": {"alertname": "A"}}]})

    def fails(now):
        raise DatabaseError("a page that cannot be claimed")

    monkeypatch.setattr(receive_events.deliver, "claim_own", fails)
    house.fold()
    assert Alert.objects.get().title == "A" and RawEvent.objects.get().state == "done"


def test_prometheus_own_alerts_run_out_unless_they_are_renewed():
    house = House()
    house.send([{"labels": {"alertname": "A", "severity": "critical"}}], protocol="alertmanager_api")
    house.fold()
    assert clock.now() + receive_events.LOOP.next_due() == Alert.objects.get().ends_at
    clock.shift(timedelta(minutes=4))
    house.send([{"labels": {"alertname": "A", "severity": "critical"}}], protocol="alertmanager_api")
    house.fold()
    clock.shift(timedelta(minutes=8))
    house.fold()
    assert Alert.objects.get().status == "firing"
    clock.shift(timedelta(minutes=10))
    house.fold()
    assert Alert.objects.get().status == "resolved" and Escalation.objects.get().status == "stopped"
    clock.shift(timedelta(0))


def test_pagerduty_events_trigger_acknowledge_and_resolve_one_alert():
    house = House("pagerduty_events_v2")
    event = {"event_action": "trigger", "dedup_key": "k", "payload": {"summary": "Disk full", "source": "db1", "severity": "critical"}}
    house.send(event, "pagerduty")
    house.fold()
    house.send({"event_action": "acknowledge", "dedup_key": "k"}, "pagerduty")
    house.fold()
    assert Escalation.objects.get().status == "acknowledged"
    house.send({"event_action": "resolve", "dedup_key": "k"}, "pagerduty")
    house.fold()
    assert Alert.objects.get().status == "resolved"


def test_the_key_that_the_server_made_is_the_alerts_key():
    house = House()
    house.send({"event_action": "trigger", "payload": {"summary": "x"}}, "pagerduty", dedup_key="made")
    house.fold()
    assert Alert.objects.get().dedup_key == "made"


def test_a_change_event_is_kept_for_the_service_and_pages_nobody():
    house = House()
    house.send({"payload": {"summary": "Deploy checkout 4.2", "source": "ci"}}, "pagerduty_change")
    house.fold()
    change = ChangeEvent.objects.get()
    assert (change.service, change.kind, change.summary) == (house.service, "deployment", "Deploy checkout 4.2")
    assert not Alert.objects.exists()


def test_a_silence_holds_pages_back_and_what_still_fires_at_its_end_is_paged_once():
    house = House()
    now = clock.now()
    operations_silences.create_silence(
        matchers=[{"name": "alertname", "value": "A|B", "is_regex": True}],
        ends_at=now + timedelta(hours=1),
        reason="Maintenance",
        by=SYSTEM,
        now=now,
    )
    house.alert()
    assert "Maintenance" in Alert.objects.get().suppressed_by and not Escalation.objects.exists()
    clock.shift(timedelta(hours=2))
    house.fold()
    house.fold()
    assert Alert.objects.get().suppressed_by == "" and Escalation.objects.count() == 1
    clock.shift(timedelta(0))


def test_a_silence_for_everything_is_refused():
    with pytest.raises(Refused, match="everything"):
        operations_silences.create_silence(matchers=[], ends_at=clock.now() + timedelta(hours=1), reason="x", by=SYSTEM, now=clock.now())


def test_without_a_service_the_fallback_is_paged():
    house = House()
    operations.change_integration(house.integration, service=None, by=SYSTEM, now=clock.now())
    house.alert()
    assert Escalation.objects.get().policy is None and "fallback" in " ".join(Alert.objects.get().trace)


def test_an_alert_is_ended_by_hand_and_the_next_event_opens_a_new_one():
    house = House()
    house.alert()
    resolve_alert(alert=Alert.objects.get(), by=Actor.of(house.ana, "web"), now=clock.now())
    assert Escalation.objects.get().status == "stopped"
    house.alert()
    assert Alert.objects.count() == 2


def many_alerts(house: House) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_alert (integration_id, dedup_key, status, title, source_severity, severity, severity_reason, link, runbook, labels,"
            " details, trace, suppressed_by, started_at, first_seen, last_seen, last_event_at, ends_at, stale_at, event_count, verdict, verdict_note,"
            " route, links, added_labels, member_count, cause_severity, group_key, group_reason, openings, reopened)"
            " SELECT %s, 'key-' || n, 'firing', 'Disk', 'critical', 'SEV2', '', '', '', '{}', '{}', '[]', '', now(), now(), now(), now(),"
            " now() + interval '1 hour', now() + interval '1 day', 1, '', '', '{}', '[]', '{}', 0, '', '', '', '{}', 0 FROM generate_series(1, 3000) n",
            [house.integration.pk],
        )


def plan(statement: str, values: tuple[Any, ...] = ()) -> str:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + statement, values or None)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_what_is_asked_after_every_batch_reads_no_table_as_a_whole_however_many_alerts_there_are():
    many_alerts(House())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE alerts_alert")
    asked = plan(queries.OVERDUE)
    assert "alert_expiry" in asked and "alert_stale" in asked
    assert "Seq Scan on alerts_alert" not in asked, asked


def test_known_alerts_are_found_by_their_keys_also_where_the_database_still_believes_that_there_are_none():
    house = House()
    many_alerts(house)
    with connection.cursor() as cursor:  # as it is for a minute after the tables were made, in a storm
        cursor.execute(
            "SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', relname::text, 'relpages', 1, 'reltuples', 0::real)"
            " FROM pg_class WHERE relname IN (SELECT indexname FROM pg_indexes WHERE tablename = 'alerts_alert')"
        )
    keys = ["key-7", "key-2999", "nobody's"]
    asked = plan(operations_rows._NEWEST, (keys, house.integration.pk))
    assert "alert_key on alerts_alert k" in asked and "dedup_key >= " in asked.replace("(dedup_key)::text", "dedup_key"), asked
    found, free = operations_rows.newest(house.integration.pk, keys)
    assert [row.state.dedup_key for row in found] == ["key-7", "key-2999"] and len(free) == 1


def test_a_fresh_database_does_not_take_its_tables_for_empty_for_the_first_minute():
    believed = "SELECT reltuples FROM pg_class WHERE relname = 'fresh_pkey'"
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE fresh (id int PRIMARY KEY)")
        cursor.execute(believed)
        assert cursor.fetchone() == (0,)  # as PostgreSQL notes it: nothing is in it
        cursor.execute(migrated.FORGET_EMPTINESS)
        cursor.execute(believed)
        assert cursor.fetchone() == (-1,)  # not known


def test_while_what_waits_rests_a_wake_up_asks_the_database_one_question(monkeypatch, django_assert_num_queries):
    house = House()
    house.send([{"labels": {"alertname": "A", "severity": "critical"}}], protocol="alertmanager_api")
    pace = Pace()
    pace._until[house.integration.pk] = pace.seconds() + 60
    monkeypatch.setattr(receive_events, "PACE", pace)
    with django_assert_num_queries(1):
        assert receive_events.take() == 0
        assert timedelta(seconds=50) < receive_events.LOOP.next_due() <= timedelta(seconds=60)
    assert Alert.objects.count() == 0
    pace._until.clear()
    house.fold()
    assert Alert.objects.count() == 1


def test_what_a_thread_is_folding_the_other_one_leaves_alone(django_assert_num_queries):
    house = House()
    house.send([{"labels": {"alertname": "A", "severity": "critical"}}], protocol="alertmanager_api")
    with receive_events.PACE.held(house.integration.pk), django_assert_num_queries(1):
        assert receive_events.take() == 0
    house.fold()
    assert Alert.objects.count() == 1
