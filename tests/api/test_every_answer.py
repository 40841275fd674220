"""Does a house in which everything was used once read over the API as it is described? Each answer is looked at by tests/answers.py."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client

from tests.api.test_frame import call
from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.alerts.models import ChangeEvent, RawEvent
from tocsin.api.mount import description
from tocsin.heartbeats.models import Heartbeat, Ping
from tocsin.incidents.models import Ticket
from tocsin.paging.models import ContactMethod, Provider

pytestmark = pytest.mark.django_db
BEARER = "bootstrap-secret"


@pytest.fixture
def house(settings):
    settings.BOOTSTRAP_TOKEN = BEARER
    return Organisation()


def ask(method, path, body=None):
    answer = call(method, path, body, bearer=BEARER)
    said = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert answer.status_code < 300, f"{method} {path}: {said.decode()}"
    return json.loads(said) if said and answer["Content-Type"].partition(";")[0] == "application/json" else {}


def people_and_schedules(house) -> dict[str, int]:
    """Teams, tokens, a schedule with all that can be done to it."""
    now = clock.now()
    soon, later = (now + timedelta(days=days) for days in (1, 2))
    ask("PATCH", "/organisation", {"name": "Example", "fallback_user": house.ana.pk, "group_minutes": 5})
    ask("PATCH", f"/users/{house.ben.pk}", {"theme": "dark", "phone": "+4930123456"})
    ask("POST", f"/users/{house.ben.pk}/invitation")
    ask("PATCH", f"/teams/{house.team.pk}", {"members": [house.ana.pk, house.ben.pk], "leads": [house.ana.pk]})
    ask("POST", "/tokens", {"name": "ci", "scopes": ["read", "watch"], "expires_at": later.isoformat()})
    turns = {"name": "primary", "participants": [house.ana.pk, house.ben.pk], "starts_at": f"{now - timedelta(days=30):%Y-%m-%dT09:00:00}"}
    ending = {
        **turns,
        "name": "past",
        "ends_at": (now - timedelta(days=9)).isoformat(),
        "restrictions": [{"weekdays": [0, 1], "from": "09:00", "until": "17:00"}],
    }
    schedule = ask("POST", "/schedules", {"name": "Payments primary", "team": house.team.pk, "rotations": [turns, ending]})["id"]
    ask("PATCH", f"/schedules/{schedule}", {"description": "by day and by night"})
    ask("POST", f"/schedules/{schedule}/overrides", {"user": house.ben.pk, "starts_at": soon.isoformat(), "ends_at": later.isoformat()})
    ask("POST", f"/schedules/{schedule}/take", {"user": house.ben.pk})
    ask("POST", f"/schedules/{schedule}/feed")
    ask("POST", f"/schedules/{schedule}/calendars", {"address": "https://calendar.example/secret.ics", "name": "Outside"})
    preview = {"name": "Payments primary", "rotations": [{**turns, "participants": [house.lea.pk]}]}
    assert ask("POST", f"/schedules/{schedule}/preview", preview)["differences"]
    ask("POST", f"/schedules/{schedule}/history/1/restore")
    hers = {"name": "Mail", "rotations": [{**turns, "participants": [house.ana.pk]}]}
    wanted = {"schedule": ask("POST", "/schedules", hers)["id"], "asker": house.ana.pk, "of": house.ben.pk}
    span = {"starts_at": soon.isoformat(), "ends_at": (soon + timedelta(hours=1)).isoformat()}
    for answer, body in (("decline", {"user": house.ben.pk}), ("withdraw", None), ("accept", {"user": house.ben.pk})):
        ask("POST", f"/shift-requests/{ask('POST', '/shift-requests', {**wanted, **span})['id']}/{answer}", body)
    ask("POST", "/time-off", {"user": house.lea.pk, "starts_at": soon.isoformat(), "ends_at": later.isoformat(), "reason": "away"})
    ask("PUT", "/role-schedules", {"roles": {"incident_commander": schedule}})
    return {"schedules": schedule, "users": house.ana.pk, "teams": house.team.pk, "user": house.ana.pk}


def paging(house) -> dict[str, int]:
    """Contact methods, rules, policies, accounts."""
    me = f"/users/{house.ana.pk}"
    method = ask("POST", f"{me}/contact-methods", {"kind": "email", "address": "ana@example.com", "label": "work"})["id"]
    ask("PATCH", f"{me}/contact-methods/{method}", {"label": "at work"})
    ask("POST", f"{me}/contact-methods/{method}/code")
    ask("POST", f"{me}/contact-methods", {"kind": "webhook", "address": "https://example.com/hook", "verified": True})
    ask(
        "POST",
        f"{me}/notification-rules",
        {"contact_method": ContactMethod.objects.get(user=house.ana, kind="screen").pk, "after_seconds": 60},
    )
    ask("PUT", f"{me}/quiet-hours", {"starts": "22:00", "ends": "07:00"})
    ask("POST", f"{me}/readiness/test-page")
    ask("POST", f"{me}/readiness/excuse", {"reason": "was there before"})
    ask("POST", f"{me}/calendar-feed")
    step = {"targets": [{"kind": "user", "id": house.ana.pk}, {"kind": "webhook", "address": "https://example.com/page"}], "need": 0}
    body = {
        "name": "Night", "team": house.team.pk, "steps": [{**step, "when": {"severities": ["SEV1"], "hours": "outside", "tiers": [1, 2]}}],
        "tracks": [{"name": "Leadership", "steps": [{"targets": [{"kind": "user", "id": house.lea.pk}]}]}], "low_severities": ["SEV4"],
    }  # fmt: skip
    policy = ask("POST", "/escalation-policies", body)
    assert policy["steps"][0]["targets"][1]["signing_secret"]
    ask("PATCH", f"/escalation-policies/{policy['id']}", {"repeats": 1})
    ask("POST", f"/escalation-policies/{policy['id']}/versions/1/restore")
    account = ask(
        "POST",
        "/providers",
        {"kind": "twilio_sms", "values": {"account_sid": "AC" + "0" * 32, "auth_token": "x" * 32, "sender": "+15005550006"}, "budget": 9},
    )
    ask("PATCH", f"/providers/{account['id']}", {"position": 2})
    Provider.objects.filter(pk=account["id"]).update(
        troubles=[{"at": clock.now().isoformat(), "reason": "no route"}], rests_until=clock.now()
    )
    ask("PATCH", "/telephone-limits", {"countries": ["DE"], "codes_a_day": 7})
    return {"escalation-policies": policy["id"], "providers": account["id"]}


def alerts(house) -> dict[str, int]:
    """Alerts with what hangs on them, what came in, what holds pages back."""
    now = clock.now()
    alert = house.alert(
        labels={"host": "db1"}, details={"note": "full"}, links=[{"text": "Graph", "url": "https://example.com/g"}], rule_id=1,
        route={"version": 1, "hits": [1], "met": "1:0", "seen": {}}, first_seen=now - timedelta(hours=1),
    )  # fmt: skip
    house.alert("Disk is full", lead=alert)
    ask("POST", f"/alerts/{alert.pk}/verify", {"verdict": "real", "by": house.ana.pk})
    ask("POST", f"/alerts/{alert.pk}/feedback", {"useful": True, "by": house.ana.pk})
    ask("POST", f"/alerts/{house.alert('Still there', asked_at=now).pk}/keep", {"by": house.ana.pk})
    ask("POST", f"/alerts/{house.alert('By itself', lead=alert).pk}/ungroup", {"by": house.ana.pk})
    ask("POST", f"/alerts/{house.alert('Worse').pk}/declare", {"by": house.ana.pk})
    ask("POST", f"/alerts/{alert.pk}/responders", {"users": [house.ben.pk], "reason": "look", "by": house.ana.pk})
    body = {"action": "acknowledge", "alerts": [alert.pk], "by": house.ana.pk}
    ask("POST", "/alerts/bulk", {**body, "dry_run": True})
    act = ask("POST", "/alerts/bulk", body)["act"]["id"]
    ask("POST", f"/alerts/bulk/{act}/undo")
    view = ask("POST", "/saved-views", {"name": "Bad ones", "shared": True, "filters": {"severity": "SEV1", "label": ["host=db1"]}})["id"]
    raw = RawEvent.objects.create(
        integration=house.integration, protocol="in", content_type="application/json", headers={"user-agent": "curl"}, body=b"{}", received_at=now,
        state="done", outcomes=[{"alert": alert.pk, "change": "opened", "reason": ""}], processed_at=now,
    )  # fmt: skip
    RawEvent.objects.create(
        integration=house.integration, protocol="in", body=b"\xff\x00", received_at=now, state="refused", error="no JSON"
    )
    change = ChangeEvent.objects.create(
        integration=house.integration, service=house.service, summary="checkout 41", at=now, received_at=now
    )
    past = {"integration": house.integration.pk, "state": "done", "since": (now - timedelta(hours=1)).isoformat()}
    replay = ask("POST", "/event-replays", {"filter": past, "by": house.ana.pk})["replay"]["id"]
    ask("POST", f"/event-replays/{replay}/stop")
    ask("PATCH", f"/integrations/{house.integration.pk}", {"mapping": {"title": "item.labels.alertname"}})
    ask("POST", f"/integrations/{house.integration.pk}/mapping/preview", {"mapping": {"title": "body.nowhere"}})
    silence = ask("POST", "/silences", {
        "matchers": [{"name": "host", "value": "db1"}], "service": house.service.pk, "ends_at": (now + timedelta(hours=1)).isoformat(),
        "reason": "disk is changed", "by": house.ana.pk,
    })["id"]  # fmt: skip
    ask("PATCH", f"/silences/{silence}", {"reason": "disks are changed", "by": house.ana.pk})
    component = ask("POST", "/components", {"name": "Checkout"})["id"]
    other = {
        "title": "Other",
        "reason": "cables",
        "starts": f"{now:%Y-%m-%dT%H:%M}",
        "minutes": 60,
        "services": [house.service.pk],
        "by": house.ana.pk,
    }
    window = ask("POST", "/maintenance-windows", {
        "title": "Disks", "reason": "they are old", "starts": f"{now + timedelta(days=1):%Y-%m-%dT%H:%M}", "minutes": 60, "by": house.ana.pk,
        "services": [house.service.pk], "rule": "FREQ=WEEKLY;COUNT=3", "public": {"title": "Work", "text": "Slow", "components": [component]},
    })["id"]  # fmt: skip
    ask("POST", f"/maintenance-windows/{window}/updates", {"status": "in_progress", "text": "It begins", "by": house.ana.pk})
    ask("DELETE", f"/maintenance-windows/{ask('POST', '/maintenance-windows', other)['id']}")
    return {
        "alerts": alert.pk, "bulk": act, "saved-views": view, "events": raw.pk, "change-events": change.pk, "event-replays": replay,
        "silences": silence, "maintenance-windows": window, "components": component, "integrations": house.integration.pk,
        "services": house.service.pk,
    }  # fmt: skip


def rules_and_heartbeats(house) -> dict[str, int]:
    """Routing rules of every form, and heartbeats."""
    now = clock.now()
    rule = {
        "name": "Databases", "match": "any", "integrations": [house.integration.pk], "go_on": True,
        "conditions": [{"field": "labels.host", "operator": "one_of", "value": ["db1", "db2"]}, {"field": "labels.job", "operator": "exists"}],
        "hours": {"inside": True, "zone": "Europe/Berlin", "days": [0, 1], "from": "09:00", "to": "17:00", "holidays": "DE"},
        "then": {"severity": "SEV1", "labels": {"kind": "db"}, "links": [{"text": "Graph", "address": "https://example.com/g"}], "group_by": ["host"]},
    }  # fmt: skip
    assert ask("PUT", "/routing-rules", {"rules": [rule], "note": "first"})["rules"]
    ask("POST", "/routing-rules/versions/0/restore")
    ask("POST", "/routing-rules/versions/1/restore")
    trial = ask("POST", "/routing-rules/try", {"rules": [rule]})["id"]
    ask("POST", "/routing-rules/simulate", {"alert": house.alert("Simulated", labels={"host": "db1"}).pk})
    heartbeat = ask("POST", "/heartbeats", {"integration": house.integration.pk, "name": "backup", "tags": ["night"]})["id"]
    ask("PATCH", f"/heartbeats/{heartbeat}", {"cron": "0 3 * * *", "time_zone": "Europe/Berlin"})
    row = Heartbeat.objects.get(pk=heartbeat)
    Ping.objects.create(integration=row.integration, heartbeat=row, at=now, took=timedelta(seconds=1.5), body=b"done", exit_code=0)
    ask("PUT", "/heartbeats/unknown-names", {"integration": house.integration.pk, "create": True})
    return {"try": trial, "heartbeats": heartbeat}


def incident(house) -> dict[str, int]:
    """An incident in which everything is done, its post-mortem, and the procedure."""
    body = {"title": "Checkout fails", "severity": "SEV1", "impact": "Nobody can pay", "service": house.service.pk}
    ref = ask("POST", "/incidents", {**body, "incident_commander": house.ana.pk, "by": house.ana.pk})["ref"]
    base, by = f"/incidents/{ref}", {"by": house.ana.pk}
    ask("PATCH", base, {"title": "Checkout fails everywhere", **by})
    ask("POST", f"{base}/acknowledge", by)
    ask("POST", f"{base}/snooze", {"minutes": 30, **by})
    ask("POST", f"{base}/hand-over", {"user": house.ben.pk, "reason": "lunch", **by})
    ask("POST", f"{base}/unacknowledge", by)
    asked = ask("POST", f"{base}/responders", {"users": [house.lea.pk], "reason": "you know it", **by})["items"][0]["id"]
    ask("POST", f"/asks/{asked}/answer", {"answer": "coming", "by": house.lea.pk})
    entry = ask("POST", f"{base}/messages", {"text": "The pool is full", **by})["id"]
    ask("POST", f"{base}/pins", {"entry": entry, **by})
    ask("POST", f"{base}/tasks", {"user": house.ben.pk, "task": "look at the pool", **by})
    check = ask("GET", f"{base}/checks")["items"][0]["id"]
    ask("POST", f"{base}/checks/{check}", {"answer": "yes", "evidence": "release 41", **by})
    ask("POST", f"{base}/mitigations", {"title": "Turn it off", "effect": "no payments", **by})
    ask("POST", f"{base}/updates", {
        "audience": "public", "status": "Identified", "verb": "experiencing", "description": "failing payments", "impact": "Payments fail",
        "next_update_minutes": 20, **by,
    })  # fmt: skip
    item = ask("POST", f"{base}/actions", {"title": "A larger pool", "owner": house.ben.pk, "due_on": "2030-01-02", **by})["id"]
    ask("POST", "/action-items", {"title": "By itself", **by})
    ask("PATCH", f"/action-items/{item}", {"done": True, **by})
    ask("POST", f"{base}/followers", {"email": "boss@example.com", **by})
    ask("POST", "/subscribers", {"email": "support@example.com", "group": "support", **by})
    line = ask("GET", f"{base}/steps")["steps"][0]["items"][0]["id"]
    ask("POST", f"{base}/steps", {"step": ask("GET", f"{base}/steps")["steps"][0]["id"], "item": line, **by})
    ask("POST", f"{base}/postmortem", {
        "summary": "The pool was full", "meeting_at": (clock.now() + timedelta(days=1)).isoformat(), "invitees": [house.ben.pk], **by,
    })  # fmt: skip
    ticket = Ticket.objects.create(number=1, title="Look at the disk", team=house.team, created_at=clock.now(), due_at=clock.now())
    document = call("GET", "/procedure.yaml", bearer=BEARER).content.decode()
    draft = ask("POST", "/procedure/drafts", {"text": document, "note": "the same"})["id"]
    ask("PUT", f"/procedure/drafts/{draft}", {"text": document, "note": "still"})
    ask("PATCH", "/status-page", {"name": "Example", "support_url": "https://example.com/help"})
    ask("POST", "/status-page/publish")
    return {"incidents": ref, "checks": check, "action-items": item, "tickets": ticket.pk, "drafts": draft}


QUESTIONS = {
    "/procedure/diff": "?old=1", "/saved-views": "?counts=true", "/postmortems": "?status=all",
    "/reports/on-call": "?since=2031-01-01T00:00:00Z&until=2031-02-01T00:00:00Z",
}  # fmt: skip


def test_whatever_can_be_read_is_as_it_is_described_in_a_house_where_everything_was_used(house):
    ids = people_and_schedules(house) | paging(house) | alerts(house) | rules_and_heartbeats(house) | incident(house)
    ids["notifications"] = ask("GET", f"/users/{house.ana.pk}/notifications")["items"][0]["id"]
    empty = []
    for path in [path.removeprefix("/api/v1") for path, methods in description()["paths"].items() if "get" in methods]:
        if path == "/users/me":  # the bootstrap token is nobody
            continue
        parts = path.split("/")
        address = "/".join(str(ids[before]) if part.startswith("{") else part for before, part in zip(["", *parts], parts, strict=False))
        answer = ask("GET", address + QUESTIONS.get(path, ""))
        if answer.get("items") == []:
            empty.append(path)
    assert empty == ["/escalation-policies/{id}/test"]  # a token that is nobody's has tested nothing


def test_whose_token_it_is_and_what_somebody_signed_in_may_read_of_policies(house):
    browser = Client()
    browser.force_login(house.ana)
    assert call("GET", "/users/me", client=browser).json()["id"] == house.ana.pk
    assert "signing_secret" not in call("GET", "/escalation-policies", client=browser).content.decode()
    assert "key" not in call("GET", "/integrations", client=browser).json()["items"][0]
