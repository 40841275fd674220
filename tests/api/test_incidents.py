"""One incident over HTTP, from the declaration to the close, as another program drives it."""

from __future__ import annotations

import pytest

from tests.api.test_frame import call, token
from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.alerts.models import ChangeEvent

pytestmark = pytest.mark.django_db
BEARER = "bootstrap-secret"


@pytest.fixture
def house(settings):
    settings.BOOTSTRAP_TOKEN = BEARER
    return Organisation()


def ask(method, path, body=None, *, expect=(200, 201), bearer=BEARER):
    answer = call(method, path, body, bearer=bearer)
    assert answer.status_code in expect, answer.content
    return answer.json() if answer.content else {}


def declared(house, **fields):
    body = {
        "title": "Checkout payments failing", "severity": "SEV1", "impact": "Customers cannot pay", "service": house.service.pk,
        "incident_commander": house.ana.pk, "by": house.ana.pk,
    }  # fmt: skip
    return ask("POST", "/incidents", {**body, **fields})


def test_an_incident_goes_the_whole_way(house):
    incident = declared(house)
    base, ana = f"/incidents/{incident['ref']}", {"by": house.ana.pk}
    assert incident["channel"]["name"].endswith("-checkout-payments-failing") and incident["procedure_version"] == 1
    timeline = ask("GET", f"{base}/timeline")["items"]
    assert next(e["text"] for e in timeline if e["kind"] == "declared").splitlines()[4] == "Incident Commander: Ana"
    owed = {o["kind"]: o for o in ask("GET", f"{base}/obligations")["items"]}
    assert owed["first_public_update"]["verdict"] == "open" and incident["declared_at"].endswith("Z")
    ask("POST", f"{base}/acknowledge", ana)
    refused = ask(
        "POST", f"{base}/updates", {"audience": "public", "status": "Identified", "verb": "experiencing", "impact": ""}, expect=(422,)
    )
    assert {"impact", "description", "next_update_minutes"} <= set(refused["errors"])
    update = {
        "audience": "public", "status": "Identified", "verb": "experiencing", "description": "failing card payments",
        "impact": "Card payments fail", "next_update_minutes": 20,
    }  # fmt: skip
    assert "failing card payments" in ask("POST", f"{base}/updates/preview", update)["text"]
    assert ask("POST", f"{base}/updates", update)["status"] == "identified"
    ask("POST", f"{base}/roles", {"role": "technical_lead", "user": house.ben.pk, **ana})
    ask("POST", f"{base}/messages", {"text": "The pool is full", "by": house.ben.pk})
    ask("POST", f"{base}/status", {"status": "monitoring", "reason": "Traffic moved", **ana})
    refused = ask("POST", f"{base}/close", {}, expect=(409,))
    assert "verification" in refused["detail"]
    ask("POST", f"{base}/resolve", {"resolution": "Second provider", **ana})
    ask("POST", f"{base}/verify", {"evidence": "Ten test payments", "watch_minutes": 0, **ana})
    ask("POST", f"{base}/updates", {**update, "status": "Resolved", "next_update_minutes": None})
    assert ask("POST", f"{base}/close", ana)["status"] == "closed"
    report = ask("GET", f"{base}/conformance")
    assert len({c["clause"] for c in report["clauses"]}) == len(report["clauses"]) > 25
    assert any(c["kind"] == "acknowledge" and c["verdict"] == "met" and c["evidence"] for c in report["clauses"])
    item = ask("POST", f"{base}/actions", {"title": "Watch certificates", "owner": house.ben.pk, "due_on": "2027-01-15"})
    assert item["owner"]["name"] == "Ben" and ask("PATCH", f"/action-items/{item['id']}", {"done": True})["status"] == "done"


@pytest.mark.clause("S51")
def test_a_check_answers_itself_and_people_answer_the_others(house):
    ref = declared(house)["ref"]
    now = clock.now()
    ChangeEvent.objects.create(
        integration=house.integration, service=house.service, kind="deployment", summary="Deploy checkout 4.2", at=now, received_at=now
    )
    checks = ask("GET", f"/incidents/{ref}/checks")["items"]
    assert "Deploy checkout 4.2" in ask("GET", f"/incidents/{ref}/checks/{checks[0]['id']}")["now"]["evidence"]
    assert "Deploy checkout 4.2" in ask("POST", f"/incidents/{ref}/checks/{checks[0]['id']}", {})["evidence"]
    answered = ask("POST", f"/incidents/{ref}/checks/{checks[3]['id']}", {"answer": "no", "evidence": "As usual", "by": house.ana.pk})
    assert answered["answered_by"]["name"] == "Ana"


@pytest.mark.clause("S67")
def test_a_mitigation_is_proposed_decided_and_recorded(house):
    ref = declared(house)["ref"]
    rows = ask("GET", f"/incidents/{ref}/mitigations")["items"]
    path = f"/incidents/{ref}/mitigations/{rows[3]['id']}"
    assert ask("POST", f"{path}/propose", {"effect": "All traffic moves", "by": house.ben.pk})["state"] == "proposed"
    assert ask("POST", f"{path}/decide", {"approved": True, "by": house.ben.pk}, expect=(403,))["status"] == 403
    assert ask("POST", f"{path}/decide", {"approved": True, "by": house.ana.pk})["state"] == "approved"
    done = ask("POST", path, {"note": "Moved", "outcome": "service_restored", "by": house.ben.pk})
    assert (done["state"], done["outcome"]) == ("done", "service_restored")
    assert ask("GET", f"/incidents/{ref}")["restored_at"]


def test_steps_tasks_pins_followers_and_tickets_have_their_addresses(house):
    ref = declared(house)["ref"]
    base, ana = f"/incidents/{ref}", {"by": house.ana.pk}
    steps = ask("GET", f"{base}/steps")["steps"]
    contain = steps[3]["items"][1]
    ticked = ask("POST", f"{base}/steps", {"step": steps[3]["id"], "item": contain["id"], **ana})
    assert ticked["steps"][3]["items"][1]["done"] and ticked["steps"][3]["items"][3]["parked"]
    ask("POST", f"{base}/steps", {"step": steps[3]["id"], "item": steps[3]["items"][3]["id"], **ana}, expect=(409,))
    assert ask("POST", f"{base}/tasks", {"user": house.ben.pk, "task": "Call them", **ana})["task_state"] == "open"
    said = ask("POST", f"{base}/messages", {"text": "Keep this", **ana})
    ask("POST", f"{base}/pins", {"entry": said["id"], **ana})
    assert [row["id"] for row in ask("GET", f"{base}/pins")["items"]] == [said["id"]]
    follower = ask("POST", f"{base}/followers", {"email": "cfo@example.com"})
    ask("DELETE", f"{base}/followers/{follower['id']}", expect=(204,))
    minor = declared(house, severity="SEV4", title="Typo")
    ticket = next(t for t in ask("GET", "/tickets")["items"] if t["incident"] == minor["ref"])
    assert ask("PATCH", f"/tickets/{ticket['id']}", {"status": "done"})["status"] == "done"
    waived = ask("POST", f"{base}/waive", {"clause": "step-5.2", "reason": "Nothing to verify", **ana})
    assert waived["kind"] == "waived"
    assert ask("PATCH", base, {"title": "Checkout down", "impact": "Nobody can pay", **ana})["title"] == "Checkout down"
    assert ask("POST", f"{base}/severity", {"severity": "SEV2", "reason": "One region", **ana})["severity"] == "SEV2"


def test_a_private_incident_looks_as_if_it_did_not_exist(house):
    ref = declared(house, private=True)["ref"]
    outsider = token("read", "respond", user=house.ben)
    for method, path in (("GET", ""), ("GET", "/timeline"), ("GET", "/conformance"), ("POST", "/acknowledge")):
        answer = call(method, f"/incidents/{ref}{path}", {} if method == "POST" else None, bearer=outsider)
        assert answer.status_code == 404, path
    assert all(row["ref"] != ref for row in ask("GET", "/incidents", bearer=outsider)["items"])


def test_what_is_wrong_is_named(house):
    for body, field in (
        ({"title": ""}, "title"),
        ({"title": "x", "severity": "SEV9"}, "severity"),
        ({"title": "x", "service": 10**9}, "service"),
    ):
        assert field in ask("POST", "/incidents", body, expect=(422,))["errors"]
    for ref in ("INC-999999", "nonsense", "INC-", "INC-١"):
        assert ask("GET", f"/incidents/{ref}", expect=(404,))["status"] == 404


def test_lists_filter_and_page(house):
    refs = [declared(house, title=f"Number {n}", severity="SEV3")["ref"] for n in range(3)]
    first = ask("GET", "/incidents?limit=2&severity=SEV3&state=open")
    assert [row["ref"] for row in first["items"]] == refs[:0:-1]
    rest = ask("GET", f"/incidents?limit=2&severity=SEV3&state=open&cursor={first['next']}")
    assert [row["ref"] for row in rest["items"]] == refs[:1] and rest["next"] is None
    lines = ask("GET", f"/incidents/{refs[0]}/timeline?limit=2")
    assert len(lines["items"]) == 2 and lines["next"]
