"""Components and post-mortems over HTTP, as programs use them."""

import json
from datetime import timedelta

import pytest
from django.test import Client

from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.accounts.models import Role
from tocsin.response.resolve import resolve

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    house = Organisation()
    house.ana.role = Role.ADMINISTRATOR
    house.ana.save()
    return house


@pytest.fixture
def ana(house) -> Client:
    client = Client()
    client.force_login(house.ana, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_component_is_made_changed_and_taken_away(ana):
    made = ana.post("/api/v1/components", {"name": "Checkout"}, content_type="application/json")
    assert made.status_code == 201 and len(made.json()["code"]) == 12
    address = f"/api/v1/components/{made.json()['id']}"
    assert ana.patch(address, json.dumps({"status": "major_outage"}), content_type="application/json").json()["status"] == "major_outage"
    refused = ana.patch(address, json.dumps({"status": "sleepy"}), content_type="application/json")
    assert refused.status_code == 422 and "status" in refused.json()["errors"]
    assert ana.post("/api/v1/components", {"name": "checkout"}, content_type="application/json").status_code == 422
    assert [row["name"] for row in ana.get("/api/v1/components").json()["items"]] == ["Checkout"]
    assert ana.delete(address).status_code == 204 and ana.get(address).status_code == 404


@pytest.mark.clause("S103", "S114")
def test_the_post_mortem_is_written_in_one_request_and_goes_out_and_in_as_markdown(ana, house):
    incident = house.declare(severity="SEV1")
    resolve(incident=incident, resolution="Traffic moved.", by=house.act(house.ana), now=clock.now())
    address = f"/api/v1/incidents/{incident.ref}/postmortem"
    body = {
        "meeting_at": (clock.now() + timedelta(hours=24)).isoformat(), "summary": "Payments failed.", "users_affected": "92%",
        "revenue_impact": "EUR 40,000", "root_cause": "A certificate.", "resolution": "Second provider.", "lessons_learned": "Watch them.",
    }  # fmt: skip
    said = ana.post(address, json.dumps(body), content_type="application/json")
    assert said.status_code == 200 and said.json()["summary"] == "Payments failed.", said.content
    text = ana.get(address + ".md").content.decode()
    assert "- Users affected: 92%\n- Revenue impact: EUR 40,000\n" in text
    again = ana.put(address + ".md", text.replace("Watch them.", "Watch all of them."), content_type="text/markdown")
    assert again.status_code == 200 and again.json()["lessons_learned"] == "Watch all of them.", again.content
    assert ana.get(address + ".ics")["content-type"].startswith("text/calendar")
    assert ana.get("/api/v1/postmortems?status=all").json()["items"][0]["incident"] == incident.ref


@pytest.mark.clause("S101", "S102")
def test_the_support_group_and_stakeholders_follow_every_incident(ana, house):
    def ask(method, path, body=None):
        return getattr(ana, method)(f"/api/v1/subscribers{path}", json.dumps(body or {}), content_type="application/json")

    made = ask("post", "", {"email": "Support@example.com", "name": "Support", "group": "support"})
    assert made.status_code == 201 and made.json()["email"] == "support@example.com", made.content
    assert ask("post", "", {"email": "support@example.com", "group": "support"}).json()["id"] == made.json()["id"]
    ask("post", "", {"email": "cfo@example.com"})
    assert (
        ask("post", "", {"email": "nobody"}).status_code == 422 and ask("post", "", {"email": "a@b.org", "group": "all"}).status_code == 422
    )
    assert [row["group"] for row in ana.get("/api/v1/subscribers").json()["items"]] == ["stakeholder", "support"]
    assert [row["email"] for row in ana.get("/api/v1/subscribers?group=support").json()["items"]] == ["support@example.com"]
    incident = house.declare(severity="SEV1")
    told = ana.get(f"/api/v1/incidents/{incident.ref}/followers").json()["items"]
    assert {row["email"] for row in told} == {"support@example.com", "cfo@example.com"}
    assert ask("delete", f"/{made.json()['id']}").status_code == 204 and ask("delete", f"/{made.json()['id']}").status_code == 404
    assert [row["email"] for row in ana.get("/api/v1/subscribers").json()["items"]] == ["cfo@example.com"]
