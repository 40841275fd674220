"""Who has it and who comes, on the pages of alerts and incidents, by forms without scripts; and the same by the API."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.api.test_frame import call, token
from tests.scenarios.world import World, world  # noqa: F401 - a fixture
from tocsin.accounts.actor import Actor
from tocsin.paging.models import Ask, Escalation
from tocsin.response.declare_incident import declare

pytestmark = pytest.mark.django_db


def visitor(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def had(world: World):  # noqa: F811
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)
    return alert


def test_an_alert_is_handed_over_answered_snoozed_and_given_back_by_forms(world: World):  # noqa: F811
    alert = had(world)
    ana, cy = visitor(world.ana), visitor(world.cy)
    page = f"/alerts/{alert.pk}/"
    assert "Ana has it" in ana.get(page).content.decode()
    assert f"/page/?wish=take&amp;alert={alert.pk}" in ana.get(page).content.decode()
    form = ana.get(f"/page/?wish=take&alert={alert.pk}").content.decode()
    assert "Hand it over" in form and "Everybody of a team" not in form
    given = {"wish": "take", "alert": alert.pk, "user": world.cy.pk, "reason": "My shift ends", "minutes": "5"}
    assert ana.post("/page/", given)["Location"] == f"{page}#asked"
    world.settle()
    world.phone.expect(world.cy, "My shift ends")
    ask = Ask.objects.get()
    shown = cy.get(page).content.decode()
    assert "I take it" in shown and f"/asks/{ask.pk}/answer/" in shown
    assert "I take it" not in ana.get(page).content.decode()
    assert ana.post(f"/asks/{ask.pk}/answer/", {"answer": "coming"}).status_code == 404
    assert cy.post(f"/asks/{ask.pk}/answer/", {"answer": "coming", "next": page})["Location"] == page
    assert Escalation.objects.get(alert=alert).acknowledged_by == world.cy
    assert cy.post(f"{page}do/snooze/", {"minutes": "60"}).status_code == 303
    assert "then it is paged again" in cy.get(page).content.decode()
    assert cy.post(f"{page}do/give-back/").status_code == 303
    world.settle()
    world.advance(minutes=1)
    world.phone.expect(world.ana)


def test_a_form_that_cannot_be_carried_out_says_why_on_the_page(world: World):  # noqa: F811
    alert = had(world)
    ana = visitor(world.ana)
    for user, sentence in ((world.ana.pk, "Ana has it already."), (999999, "Choose somebody"), ("team:1", "Choose"), ("", "Choose")):
        refused = ana.post("/page/", {"wish": "take", "alert": alert.pk, "user": user})
        assert refused.status_code == 422 and sentence in refused.content.decode()
    assert "For how many minutes" in ana.post(f"/alerts/{alert.pk}/do/snooze/", {"minutes": "1"}, follow=True).content.decode()
    assert not Ask.objects.exists()


def test_a_team_is_asked_from_the_page_and_its_answers_stand_on_the_incident(world: World):  # noqa: F811
    incident = declare(title="Ledger", severity="SEV4", service=world.service, by=world.by, now=world.now)
    ana = visitor(world.ana)
    assert "Everybody of a team" in ana.get(f"/page/?incident={incident.ref}").content.decode()
    form = {"user": f"team:{world.team.pk}", "incident": incident.ref, "reason": "You know the ledger", "minutes": "10"}
    assert ana.post("/page/", form)["Location"] == f"/incidents/{incident.ref}/#asked"
    world.settle()
    world.phone.expect(world.ana)
    world.phone.expect(world.ben)
    shown = visitor(world.ben).get(f"/incidents/{incident.ref}/").content.decode()
    assert "I'm coming" in shown and "You know the ledger" in shown and "Ask somebody" in shown
    ask = Ask.objects.get(user=world.ben)
    visitor(world.ben).post(f"/asks/{ask.pk}/answer/", {"answer": "cannot", "note": "on a train"})
    assert "on a train" in ana.get(f"/incidents/{incident.ref}/").content.decode()
    wrong = ana.post("/page/", {**form, "reason": ""})
    assert wrong.status_code == 422 and "they read it first" in wrong.content.decode()


def test_programs_ask_answer_hand_over_snooze_and_give_back(world: World):  # noqa: F811
    alert = had(world)
    bearer = token("read", "respond", user=world.ana)
    path = f"/alerts/{alert.pk}"
    made = call("POST", f"{path}/responders", {"reason": "You know the ledger", "users": [world.cy.pk]}, bearer=bearer).json()["items"][0]
    world.settle()
    world.phone.expect(world.cy)
    assert (made["answer"], made["via"], made["asked_by"]["name"]) == ("waiting", "by name", "Ana")
    own = token("read", "respond", user=world.cy)
    assert call("POST", f"/asks/{made['id']}/answer", {"answer": "coming"}, bearer=bearer).status_code == 404
    assert call("POST", f"/asks/{made['id']}/answer", {"answer": "coming", "note": "soon"}, bearer=own).json()["note"] == "soon"
    handed = call("POST", f"{path}/hand-over", {"user": world.lea.pk}, bearer=bearer).json()
    world.settle()
    world.phone.expect(world.lea)
    assert call("DELETE", f"/asks/{handed['id']}", bearer=bearer).json()["answer"] == "withdrawn"
    snoozed = call("POST", f"{path}/snooze", {"minutes": 60}, bearer=bearer).json()
    assert snoozed["held"][0]["by"]["name"] == "Ana" and snoozed["held"][0]["until"]
    assert call("POST", f"{path}/unacknowledge", {}, bearer=bearer).status_code == 200
    world.settle()
    world.advance(minutes=1)
    world.phone.expect(world.ana)
    assert call("GET", f"{path}/responders", bearer=token("read")).json()["held"] == []


@pytest.mark.parametrize(("deed", "body", "field"), [
    ("responders", {"reason": "x"}, "user"), ("responders", {"reason": "x", "users": [999999]}, "users"), ("responders", {"reason": " ", "users": [1]}, ""),
    ("responders", {"reason": "x", "roles": ["technical_lead"]}, "role"), ("hand-over", {}, ""), ("snooze", {"minutes": 1}, "minutes"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(world: World, deed: str, body: dict, field: str):  # noqa: F811
    alert = world.alert(page=False)
    answer = call("POST", f"/alerts/{alert.pk}/{deed}", body, bearer=token("read", "respond", user=world.ana))
    assert answer.status_code in (409, 422) and field in answer.content.decode(), answer.content


def test_a_private_incident_s_responders_do_not_exist_for_others(world: World):  # noqa: F811
    incident = declare(title="Leak", severity="SEV4", service=world.service, private=True, by=Actor.of(world.ana, "web"), now=world.now)
    other = token("read", "respond", user=world.cy)
    for method, path in (("GET", "responders"), ("POST", "snooze"), ("POST", "hand-over"), ("POST", "unacknowledge")):
        body = {"minutes": 60} if path == "snooze" else {} if method == "POST" else None
        assert call(method, f"/incidents/{incident.ref}/{path}", body, bearer=other).status_code == 404


def test_where_several_must_acknowledge_the_page_says_who_has_and_who_must_as_well(world: World):  # noqa: F811
    world.written([world.step(world.ana, world.ben, need=0)])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.phone.expect(world.ben)
    page, ana, ben = f"/alerts/{alert.pk}/", visitor(world.ana), visitor(world.ben)
    said = ana.post(f"{page}do/acknowledge/", follow=True).content.decode()
    assert "You have acknowledged. Paging goes on until Ben has too." in said and "It is yours" not in said
    assert "Ana acknowledged" in said and "Ben must as well" in said
    assert "do/acknowledge/" not in said.partition("<main")[2] and "do/acknowledge/" in ben.get(page).content.decode()
    assert "It is yours. Paging has stopped." in ben.post(f"{page}do/acknowledge/", follow=True).content.decode()
    assert "Ben has it" in ana.get(page).content.decode()
