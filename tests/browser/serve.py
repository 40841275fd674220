"""A whole web process with Larkfield's morning in a database of its own: prints what the tests need to know, then serves."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta

import django


def story() -> dict[str, str]:
    """Write the morning, and say who is signed in with which cookie and where things are."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import transaction

    from tests.web import larkfield
    from tocsin import clock
    from tocsin.accounts.actor import Actor
    from tocsin.alerts.operations_views import save_view
    from tocsin.domain.alert_filters import AlertFilter
    from tocsin.paging import messages
    from tocsin.paging.models import Notification

    def cookie(user) -> str:
        session = SessionStore()
        session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        return session.session_key

    with transaction.atomic():
        told = larkfield.build()
        learned, heartbeat, trial = _learned(told), _heartbeats(told), _rules(told)
        view = save_view(
            name="Payments, worst first", filters=AlertFilter(service=(told.service.pk,), sort="severity"), team=told.service.team_id, pinned=True,
            by=Actor.of(told.ana, "web"), now=clock.now(),
        )  # fmt: skip
        window, silence = _quiet(told)
        asked, rich = _asked(told)
        sent = Notification.objects.select_related("escalation").filter(escalation__alert=told.loose, kind="page").order_by("id")[0]
        pushed = (
            Notification.objects.select_related("escalation")
            .filter(user=told.ana, escalation__status="running", kind="page")
            .exclude(escalation=sent.escalation)
        )
        return {
            "pushed": messages.ack_link(pushed.latest("id"), clock.now()).split("/ack/")[1],
            "asked": messages.ack_link(asked, clock.now()).split("/ack/")[1], "rich": str(rich),
            "cookie_name": settings.SESSION_COOKIE_NAME, "ana": cookie(told.ana), "ben": cookie(told.ben), "cy": cookie(told.cy),
            "ref": told.incident.ref, "learned": learned, "heartbeat": heartbeat, "trial": str(trial), "window": window, "silence": silence,
            "alert": str(told.alert.pk), "loose": str(told.loose.pk), "raw": str(told.raw.pk), "team": str(told.service.team_id),
            "service": str(told.service.pk), "integration": str(told.integration.pk), "policy": str(told.policy.pk), "ben_id": str(told.ben.pk),
            "provider": _provider(told), "view": str(view.pk), "schedule": str(told.policy.steps[0]["targets"][0]["id"]), "ack": messages.ack_link(sent, clock.now()).split("/ack/")[1],
        }  # fmt: skip


def _asked(told):
    """Ben is asked to come to the incident and Cy could not; the page that asks Ben. And a policy with every sort of step; its id."""
    from tocsin import clock
    from tocsin.accounts.actor import Actor
    from tocsin.paging import operations as paging
    from tocsin.paging.models import Notification
    from tocsin.response.answer_ask import answer_ask
    from tocsin.response.page_someone import Wanted, page_people
    from tocsin.response.try_policy import try_policy

    now, by = clock.now(), Actor.of(told.ana, "web")
    come = page_people(Wanted(users=[told.cy, told.ben]), reason="You know the connection pool", incident=told.incident, by=by, now=now)
    answer_ask(ask_id=come[0].pk, answer="cannot", note="On a train until nine", by=Actor.of(told.cy, "web"), now=now)
    people = [{"kind": "user", "id": told.ana.pk}, {"kind": "user", "id": told.ben.pk}]
    schedule = told.policy.steps[0]["targets"][0]["id"]
    steps = [
        {
            "wait_seconds": 300,
            "targets": [{"kind": "schedule", "id": schedule}],
            "when": {"severities": ["SEV1", "SEV2"], "hours": "outside"},
        },
        {
            "wait_seconds": 300,
            "targets": [*people, {"kind": "webhook", "address": "https://hooks.example.com/very/long/address/of/a/receiver"}],
            "need": 0,
        },
        {
            "wait_seconds": 600,
            "targets": [{"kind": "team", "id": told.service.team_id}, {"kind": "schedule_people", "id": schedule}],
            "need": 2,
        },
    ]
    policy = paging.create_policy(name="Payments at night", team=told.service.team_id, steps=steps, repeats=1, by=by, now=now)
    leadership = {"name": "Leadership", "steps": [{"wait_seconds": 900, "targets": people[1:], "when": {"tiers": [1, 2]}}]}
    paging.change_policy(policy, tracks=[leadership], low_severities=["SEV4"], by=by, now=now)
    try_policy(policy, by=by, now=now)
    return Notification.objects.filter(identity__startswith=f"ask:{come[1].pk}:").order_by("id")[0], policy.pk


def _provider(told) -> str:
    """An account that did well, failed, and rests."""
    from tocsin import clock
    from tocsin.accounts.actor import Actor
    from tocsin.domain.ports import Outcome, Receipt
    from tocsin.paging import operations_providers as providers

    values = {"account_sid": "AC" + "0" * 32, "auth_token": "a token", "sender": "+14155550100"}
    row = providers.create_provider(kind="twilio_sms", name="Twilio", values=values, by=Actor.of(told.ana, "web"), now=clock.now())
    for ago in range(40, 0, -1):
        for _ in range(ago % 7):
            providers.judge(row, Receipt(Outcome.ACCEPTED, "Twilio took the text"), clock.now() - timedelta(hours=ago))
    for _ in range(3):
        providers.judge(row, Receipt(Outcome.RETRY, "Twilio: answered 503"), clock.now())
    return str(row.pk)


def _quiet(told) -> tuple[str, str]:
    """Silences and maintenance windows of each state, and what two people think of an alert; a window's and a silence's id."""
    from tocsin import clock
    from tocsin.accounts.actor import Actor
    from tocsin.alerts import operations_quiet
    from tocsin.alerts.models import Alert
    from tocsin.response import maintain, silence
    from tocsin.statuspage.models import Component

    now, by, other = clock.now(), Actor.of(told.ana, "web"), Actor.of(told.ben, "web")
    probe = [{"name": "alertname", "value": "Probe.*", "is_regex": True}, {"name": "region", "value": "eu"}]
    active = silence.silence(
        matchers=probe,
        ends_at=now + timedelta(hours=3),
        reason="The Frankfurt probe is being replaced; Ben has the ticket.",
        by=other,
        now=now,
    )
    silence.silence(matchers=[], service=told.service.pk, starts_at=now + timedelta(hours=9), ends_at=now + timedelta(hours=11),
                    reason="Load test of payments", by=by, now=now)  # fmt: skip
    plain = {"reason": "The old ones are nearly full.", "minutes": 90, "time_zone": "Europe/Berlin"}
    running = maintain.plan(
        title="New disks in db1", starts=f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}", services=[told.service.pk],
        **{**plain, "minutes": 240, "time_zone": "UTC"}, by=other, now=now,
    )  # fmt: skip
    start = f"{now + timedelta(days=2):%Y-%m-%dT02:00}"
    maintain.plan(
        title="Vacuum of the ledger", starts=start, rule="FREQ=WEEKLY;COUNT=26", team=told.service.team_id, **plain, by=by, now=now
    )
    maintain.plan(title="Switch of the carrier", starts=start, services=[told.service.pk], **plain, by=by, now=now, public=maintain.Public(
        "Payments: short breaks", "For about a minute at a time card payments may have to be tried again.", (Component.objects.get().pk,)))  # fmt: skip
    for title, pk, held in (
        ("Login probe failing in Frankfurt", active.pk, "silence"),
        ("Ledger replica 40 s behind", running.pk, "maintenance window"),
    ):
        Alert.objects.create(
            integration=told.integration, service=told.service, dedup_key=held, title=title,
            source_severity="warning", severity="SEV3", started_at=now, first_seen=now, last_seen=now, last_event_at=now,
            labels={"alertname": "ProbeFailed", "region": "eu"}, suppressed_by=f"{held} {pk}: The Frankfurt probe is being replaced",
        )  # fmt: skip
    operations_quiet.say_useful(told.alert, True, by=other, now=now)
    operations_quiet.say_useful(told.alert, False, by=by, now=now)
    return str(running.pk), str(active.pk)


def _heartbeats(told) -> str:
    """Three of them: one on time, one that failed, one that nobody has pinged; the id of the one that failed."""
    from tocsin import clock
    from tocsin.accounts.actor import Actor
    from tocsin.heartbeats import operations
    from tocsin.heartbeats.models import Ping

    now, by = clock.now(), Actor.of(told.ana, "web")
    rows = [
        operations.create(
            integration=told.integration.pk, name=name, description="Runs on db1; see the runbook of backups.", by=by, now=now
        )
        for name in ("Settlement import", "Nightly backup of db1", "Certificate renewal")
    ]
    for row, last in ((rows[0], 0), (rows[1], 2)):
        for place in range(24):
            at = now - timedelta(hours=24 - place, minutes=3)
            code = last if place == 23 else 1 if place == 9 else 0
            output = b"pg_dump: error: disk full" if code else b""
            Ping.objects.create(integration=told.integration, heartbeat=row, at=at - timedelta(minutes=2), kind="start", agent="curl/8.11")
            Ping.objects.create(integration=told.integration, heartbeat=row, at=at, exit_code=code, body=output, agent="curl/8.11")
    while operations.take_pings(now):
        pass
    return str(rows[1].pk)


def _rules(told) -> int:
    """Routing rules, an alert that met them, and a trial of a change."""
    from tocsin import clock
    from tocsin.accounts.actor import Actor
    from tocsin.alerts import operations_routing as routing
    from tocsin.alerts import queries, queries_routing, trying
    from tocsin.domain.routing import route
    from tocsin.lib.patterns import full_match
    from tocsin.procedures import operations as procedures
    from tocsin.response.simulate_routing import severities

    now, by, known = clock.now(), Actor.of(told.ana, "web"), severities()
    region = {"field": "labels.region", "operator": "equals", "value": "eu"}
    rules = [
        {"name": "Database to DBAs", "conditions": [{"field": "labels.team", "operator": "one_of", "value": ["db", "sql"]}],
         "expression": "severity in ['critical', 'error']", "then": {"policy": told.policy.pk, "severity": "SEV2", "group_by": ["cluster"], "group_minutes": 10}},
        {"name": "Europe's checkout", "conditions": [region], "hours": {"inside": False, "zone": "Europe/Berlin", "from": "09:00", "to": "17:00"}, "go_on": True,
         "then": {"labels": {"out_of_hours": "yes"}, "links": [{"text": "Graphs", "address": "https://graphs.example/{labels.region}"}]}},
        {"name": "Noise of staging", "conditions": [{"field": "labels.env", "operator": "regex", "value": "stag.*"}], "then": {"suppress": True}},
        {"name": "Europe", "conditions": [region], "then": {"service": told.service.pk}},
        {"name": "Europe again", "enabled": True, "conditions": [region, {"field": "title", "operator": "contains", "value": "checkout"}]},
    ]  # fmt: skip
    routing.save(rules[:2], severities=known, note="To begin with", by=by, now=now)
    kept = queries_routing.current().rules
    routing.save([*kept, *rules[2:]], severities=known, note="Staging wakes nobody", by=by, now=now)
    procedure = procedures.document(procedures.current())
    decision = route(queries.subject(told.alert, told.integration), queries.directory(now), procedure, now, full_match)
    told.alert.route, told.alert.rule_id, told.alert.trace = dict(decision.path), decision.rule_id, list(decision.trace)
    told.alert.save(update_fields=["route", "rule_id", "trace"])
    changed = [
        {**rule, "then": {**rule["then"], "severity": "SEV4"}} if rule["name"] == "Europe" else rule
        for rule in queries_routing.current().rules
    ]
    trial = routing.begin_trial(changed, severities=known, by=by, now=now)
    trying.run(trial.pk, procedure, now)
    return trial.pk


def _learned(told) -> str:
    """An incident of the day before, over, with its post-mortem half written; who it is about and where."""
    from tocsin import clock
    from tocsin.accounts.actor import Actor
    from tocsin.response import action_items, followers, hold_postmortem
    from tocsin.response.declare_incident import declare
    from tocsin.response.resolve import resolve

    now, by = clock.now(), Actor.of(told.ana, "web")
    before = now - timedelta(hours=26)
    incident = declare(
        title="Refunds timing out", severity="SEV2", impact="One refund in five fails.", service=told.service, by=by, now=before
    )
    resolve(
        incident=incident, resolution="The pool was doubled and the slow query has an index.", by=by, now=before + timedelta(minutes=67)
    )
    row = hold_postmortem.draft(incident=incident, by=by, now=now)
    written = {
        "summary": "For 67 minutes one refund in five failed.",
        "root_cause": "A **slow query** held connections.",
        "users_affected": "310",
    }
    row = hold_postmortem.edit(postmortem=row, by=by, now=now, **written)
    hold_postmortem.book(postmortem=row, at=now + timedelta(hours=30), by=by, now=now)
    for title, owner, days in (
        ("Alert when the pool passes 80%", told.ben, 7),
        ("Load-test refunds", told.ana, -1),
        ("Push as well as text", None, 0),
    ):
        due = (now + timedelta(days=days)).date() if days else None
        action_items.add_action_item(title=title, incident=incident, owner=owner, due_on=due, by=by, now=now)
    followers.add(email="support@larkfield.example", name="Customer support", group="support", by=by, now=now)
    return incident.ref


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.settings")
    django.setup()
    told = json.dumps(story())
    from tocsin.statuspage.publishing import publish_now

    publish_now()
    print(told, flush=True)
    from tocsin.cli.web import main

    main("127.0.0.1", int(sys.argv[1]))
