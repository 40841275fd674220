"""What does a newcomer see? An example organisation, and one incident walked through the public API up to "mitigate"."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Call = Callable[..., Any]  # call(method, path, body=None, token=True) -> parsed JSON

PEOPLE = (
    ("jonas", "Jonas Lindqvist", "administrator", "Europe/Stockholm"),
    ("priya", "Priya Raman", "responder", "Europe/London"),
    ("tomas", "Tomás Herrera", "responder", "Europe/Madrid"),
    ("mei", "Mei Tanaka", "responder", "Asia/Tokyo"),
    ("amara", "Amara Okafor", "responder", "Africa/Lagos"),
    ("dana", "Dana Whitfield", "responder", "America/New_York"),
    ("ben", "Ben Achterberg", "responder", "Europe/Amsterdam"),
    ("yuki", "Yuki Sato", "responder", "Asia/Tokyo"),
    ("sofia", "Sofia Marin", "responder", "Europe/Bucharest"),
    ("noor", "Noor Haddad", "responder", "Asia/Amman"),
    ("lea", "Lea Fontaine", "observer", "Europe/Paris"),
)
TEAMS = {
    "Payments": ("priya", "tomas", "mei"),
    "Platform": ("ben", "yuki"),
    "Search": ("noor", "yuki"),
    "Incident command": ("jonas", "sofia"),
    "Communications": ("amara", "lea"),
    "Engineering leadership": ("dana",),
}
COMPONENTS = (
    ("Checkout", "Payments", "Paying for an order"),
    ("Refunds and payouts", "Payments", "Money back, and money to shops"),
    ("Storefront", "Shop", "Pages that shoppers see"),
    ("Search", "Shop", "Finding products"),
    ("Webhooks", "Developers", "Deliveries to your systems"),
    ("API", "Developers", "The public API"),
)


def run(call: Call, *, pace: float = 3.0, say: Callable[[str], None] = lambda line: None) -> str:
    """Make the organisation and play the incident; `pace` is the pause between moves in seconds. The reference of the running incident.

    `call` speaks the public API with a token of every scope. Playing twice is refused by the API (names are taken), so callers ask first.
    """
    house = _organisation(call)
    say("The organisation is there; the first alert comes in")
    _play_smaller_incidents(call, house, pace)
    return _play_checkout(call, house, pace, say)


def _organisation(call: Call) -> dict[str, Any]:
    call("PATCH", "/api/v1/organisation", {"name": "Larkfield", "time_zone": "Europe/Stockholm"})
    call("PATCH", "/api/v1/status-page", {"name": "Larkfield"})
    people = _people(call)
    monday = (datetime.now(UTC) - timedelta(days=datetime.now(UTC).weekday() + 14)).strftime("%Y-%m-%dT09:00:00")
    schedules, policies = {}, {}
    rotas = {
        "Payments": (("priya", "tomas", "mei"), ("mei", "priya", "tomas")),
        "Platform": (("ben", "yuki"), ("yuki", "ben")),
        "Search": (("noor", "yuki"), ()),
        "Incident command": (("jonas", "sofia"), ()),
        "Communications": (("amara",), ()),
        "Engineering leadership": (("dana",), ()),
    }
    for team, (primary, secondary) in rotas.items():
        steps = []
        for label, names in (("primary", primary), ("secondary", secondary)):
            if not names:
                continue
            schedule = call("POST", "/api/v1/schedules", {
                "name": f"{team} {label}", "team": people["teams"][team], "time_zone": "Europe/Stockholm",
                "rotations": [{"name": label, "participants": [people[name] for name in names], "starts_at": monday, "shift": {"days": 7}}],
            })  # fmt: skip
            schedules[f"{team} {label}"] = schedule["id"]
            steps.append({"wait_seconds": 300, "targets": [{"kind": "schedule", "id": schedule["id"]}]})
        policies[team] = call(
            "POST", "/api/v1/escalation-policies", {"name": team, "team": people["teams"][team], "repeats": 2, "steps": steps}
        )["id"]
    components = {
        name: call("POST", "/api/v1/components", {"name": name, "group": group, "description": text})["id"]
        for name, group, text in COMPONENTS
    }
    services = {}
    for name, team, parts, critical in (
        ("payments-api", "Payments", ("Checkout", "Refunds and payouts"), True),
        ("webhooks", "Platform", ("Webhooks",), False),
        ("search", "Search", ("Search",), False),
        ("login", "Platform", ("Storefront",), False),
    ):
        services[name] = call("POST", "/api/v1/services", {
            "name": name, "team": people["teams"][team], "escalation_policy": policies[team], "critical": critical,
            "leadership_policy": policies["Engineering leadership"], "components": [components[part] for part in parts],
        })["id"]  # fmt: skip
    keys = {
        name: call("POST", "/api/v1/integrations", {"name": f"Prometheus, {name}", "kind": "alertmanager", "service": service})["key"]
        for name, service in services.items()
    }
    return {"people": people, "components": components, "services": services, "keys": keys, "schedules": schedules}


def _people(call: Call) -> dict[str, Any]:
    teams = {name: call("POST", "/api/v1/teams", {"name": name})["id"] for name in TEAMS}
    ids: dict[str, Any] = {"teams": teams}
    known = {person["email"]: person["id"] for person in call("GET", "/api/v1/users?limit=200")["items"]}
    for short, name, role, zone in PEOPLE:
        email = f"{name.split()[0].lower().replace('á', 'a')}@larkfield.example"
        membership = [teams[team] for team, members in TEAMS.items() if short in members]
        body = {"name": name, "email": email, "role": role, "time_zone": zone, "teams": membership}
        person = known.get(email) or call("POST", "/api/v1/users", body)["id"]
        if email in known:
            call("PATCH", f"/api/v1/users/{person}", {"name": name, "time_zone": zone, "teams": membership})
        method = call("POST", f"/api/v1/users/{person}/contact-methods", {"kind": "screen", "address": "browser", "verified": True})
        call("POST", f"/api/v1/users/{person}/notification-rules", {"contact_method": method["id"], "after_seconds": 0})
        call("POST", f"/api/v1/users/{person}/readiness/excuse", {"reason": "Part of the demonstration"})
        ids[short] = person
    return ids


def _alert(call: Call, key: str, name: str, summary: str, text: str, severity: str, status: str = "firing") -> None:
    now = datetime.now(UTC).isoformat()
    alert = {
        "status": status, "labels": {"alertname": name, "severity": severity, "env": "production"},
        "annotations": {"summary": summary, "description": text, "runbook_url": f"https://runbooks.larkfield.example/{name}"},
        "startsAt": now, "endsAt": now if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": f"https://prometheus.larkfield.example/graph?g0.expr={name}",
    }  # fmt: skip
    call(
        "POST",
        f"/in/{key}",
        {"version": "4", "status": status, "alerts": [alert], "commonLabels": {}, "groupLabels": {}, "receiver": "tocsin"},
        token=False,
    )


def _find_alert(call: Call, service: int, title: str) -> dict[str, Any]:
    """The alert of that title, once the worker has folded it (20 s at most)."""
    for _ in range(100):
        for alert in call("GET", f"/api/v1/alerts?service={service}")["items"]:
            if alert["title"] == title:
                return alert
        time.sleep(0.2)
    raise TimeoutError(f"the alert {title!r} was accepted but is not shown after 20 s: is the worker running?")


def _change(call: Call, key: str, summary: str, minutes_ago: int, kind: str) -> None:
    at = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat()
    payload = {"summary": summary, "timestamp": at, "source": "ci.larkfield.example", "custom_details": {"kind": kind}}
    call("POST", "/v2/change/enqueue", {"routing_key": key, "payload": payload}, token=False)


def _play_smaller_incidents(call: Call, house: dict[str, Any], pace: float) -> None:
    """A SEV2 and a SEV3 that are well in hand, and two alerts to triage."""
    people, services, keys = house["people"], house["services"], house["keys"]
    _alert(call, keys["webhooks"], "WebhookQueue", "Webhook queue above 40,000", "48,200 deliveries queued", "critical")
    alert = _find_alert(call, services["webhooks"], "Webhook queue above 40,000")
    sofia, noor = people["sofia"], people["noor"]
    call("POST", f"/api/v1/alerts/{alert['id']}/acknowledge", {"by": people["ben"]})
    call(
        "POST", f"/api/v1/alerts/{alert['id']}/verify", {"verdict": "real", "note": "The queue grows by 400 a minute", "by": people["ben"]}
    )
    ref = call("POST", f"/api/v1/alerts/{alert['id']}/declare", {
        "title": "Webhook deliveries delayed up to 18 minutes", "severity": "SEV2", "reason": "Significant performance degradation",
        "impact": "48,200 deliveries queued. No data lost; shops see late order notifications.", "incident_commander": sofia, "by": sofia,
    })["ref"]  # fmt: skip
    call("POST", f"/api/v1/incidents/{ref}/updates", {
        "audience": "public", "status": "Identified", "verb": "experiencing", "description": "delays in webhook deliveries", "next_update_minutes": 30,
        "impact": "Deliveries to your systems arrive up to 18 minutes late; none are lost",
        "components": {str(house["components"]["Webhooks"]): "degraded_performance"}, "by": people["amara"],
    })  # fmt: skip
    ref = call("POST", "/api/v1/incidents", {
        "title": "Search suggestions slow", "severity": "SEV3", "reason": "Slow response times (2-3x normal)", "service": services["search"],
        "impact": "Slowest 5% of suggestions take 1.9 s, 2.4 times normal. Full search is unaffected.", "incident_commander": noor, "by": noor,
    })["ref"]  # fmt: skip
    call("POST", f"/api/v1/incidents/{ref}/updates", {
        "audience": "internal", "status": "Identified", "impact": "Suggestions are slow for one shopper in twenty", "cause": "A cold cache after the index move",
        "actions": "Warming the cache shard by shard", "next_steps": "Measure again at the full hour", "eta": "Within two hours", "by": noor,
    })  # fmt: skip
    _alert(call, keys["login"], "LoginProbe", "Login check failing from Frankfurt", "1 of 3 probes fails", "error")
    _alert(call, keys["search"], "DiskFull", "Disk 91% full on search-node-07", "Full in about 31 hours", "warning")
    time.sleep(pace)


def _play_checkout(call: Call, house: dict[str, Any], pace: float, say: Callable[[str], None]) -> str:
    people, key = house["people"], house["keys"]["payments-api"]
    _change(call, key, "Deploy payments-api 4.18.0", 13, "deployment")
    _change(call, key, "Connection limit set to 500 on pg-payments", 26, "infrastructure")
    _alert(call, key, "CheckoutErrors", "Checkout payment errors 61%", "61% of card payments fail, threshold 5%", "critical")
    alert = _find_alert(call, house["services"]["payments-api"], "Checkout payment errors 61%")
    time.sleep(pace)
    call("POST", f"/api/v1/alerts/{alert['id']}/acknowledge", {"by": people["priya"]})
    time.sleep(pace)
    note = "Checkout probes fail from Frankfurt, Virginia and Singapore"
    call("POST", f"/api/v1/alerts/{alert['id']}/verify", {"verdict": "real", "note": note, "by": people["priya"]})
    incident = call("POST", f"/api/v1/alerts/{alert['id']}/declare", {
        "title": "Checkout payments failing", "severity": "SEV1", "reason": "Payment processing failure",
        "impact": "About 61% of card payments fail at checkout in all regions. Refunds and payouts are not affected.",
        "incident_commander": people["jonas"], "by": people["priya"],
    })  # fmt: skip
    ref = incident["ref"]
    say(f"{ref} is declared: open it and watch")
    for move in _moves(house, ref):
        time.sleep(pace)
        call(*move)
    _diagnose_and_mitigate(call, house, ref, pace)
    return ref


def _moves(house: dict[str, Any], ref: str) -> list[tuple[str, str, dict[str, Any]]]:
    """What people do between the declaration and the first mitigation, in order."""
    people, base = house["people"], f"/api/v1/incidents/{ref}"
    checkout = str(house["components"]["Checkout"])
    return [
        ("POST", f"{base}/roles", {"role": "technical_lead", "user": people["priya"], "by": people["jonas"]}),
        ("POST", f"{base}/roles", {"role": "communications_lead", "user": people["amara"], "by": people["jonas"]}),
        ("POST", f"{base}/updates", {
            "audience": "public", "status": "Investigating", "verb": "investigating", "description": "failing card payments at checkout",
            "impact": "Some card payments fail. Orders that went through are safe; bank transfer works", "next_update_minutes": 15,
            "components": {checkout: "major_outage"}, "by": people["amara"]}),
        ("POST", f"{base}/messages", {
            "text": "pg-payments is at 500 of 500 connections. 4.18.0 went out 11 minutes before and doubles connections per worker. That is our suspect.",
            "by": people["priya"]}),
        ("POST", f"{base}/status", {"status": "identified", "reason": "The connection pool of pg-payments is full", "by": people["jonas"]}),
        ("POST", f"{base}/updates", {
            "audience": "public", "status": "Identified", "verb": "experiencing", "description": "a fault in our payment service",
            "impact": "About six in ten card payments fail for all customers; bank transfer works", "next_update_minutes": 15,
            "components": {checkout: "major_outage"}, "by": people["amara"]}),
        ("POST", f"{base}/updates", {
            "audience": "internal", "status": "Identified", "impact": "61% of card payments", "cause": "payments-api 4.18.0 opens a connection per card token; the pool on pg-payments is full",
            "actions": "Priya has the rollback to 4.17.3 ready. It needs the commander to confirm.", "next_steps": "Roll back, then close the breaker step by step",
            "eta": "Rollback takes about 5 minutes after confirmation", "by": people["jonas"]}),
    ]  # fmt: skip


def _diagnose_and_mitigate(call: Call, house: dict[str, Any], ref: str, pace: float) -> None:
    """Answers to the checks, a breaker that helped, and a rollback that waits for the commander: the incident stays there."""
    people, base = house["people"], f"/api/v1/incidents/{ref}"
    checks = {check["question"]: check["id"] for check in call("GET", f"{base}/checks")["items"]}
    for question, answer, evidence in (
        ("Third-party service issues?", "no", "Card processor operational. Direct probe 188 ms."),
        ("Traffic spike?", "no", "640 checkouts a minute, 0.94 of a usual Monday."),
        ("Error rates", "yes", "61% of POST /pay answer 5xx since the deploy"),
    ):
        call("POST", f"{base}/checks/{checks[question]}", {"answer": answer, "evidence": evidence, "by": people["priya"]})
        time.sleep(pace)
    remedies = {remedy["title"]: remedy["id"] for remedy in call("GET", f"{base}/mitigations")["items"]}
    call("POST", f"{base}/mitigations/{remedies['Enable circuit breakers']}", {
        "note": "Breaker open on saved-card authorisation; new cards pass at 62%", "outcome": "partially_restored", "by": people["jonas"]})  # fmt: skip
    time.sleep(pace)
    call("POST", f"{base}/mitigations/{remedies['Rollback recent deployment']}/propose", {
        "effect": "24 hosts restart two at a time. About 5 minutes. Payments in flight are retried once.", "by": people["priya"]})  # fmt: skip
    call("POST", f"{base}/messages", {
        "text": "Decision: roll back rather than raise the connection limit. Raising it risks the primary; the rollback is known good.",
        "decision": True, "by": people["jonas"]})  # fmt: skip
    due = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    call(
        "POST",
        f"{base}/actions",
        {"title": "Alert on connection pool above 80%", "owner": people["tomas"], "due_on": due, "by": people["priya"]},
    )


def dumps(body: Any) -> bytes:
    """The body of a request."""
    return json.dumps(body).encode()
