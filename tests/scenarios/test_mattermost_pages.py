"""A page goes out by Mattermost and is taken by its button; by Teams it goes out as a card whose button opens our page."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.integrations.test_chats import Workflow
from tests.stand_ins.mattermost import TOKEN, Mattermost
from tocsin.accounts.actor import Actor
from tocsin.integrations.registry import GATEWAYS
from tocsin.paging import messages
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import ContactMethod, Provider


@pytest.fixture
def mattermost():
    stand_in = Mattermost()
    yield stand_in
    stand_in.close()


def reached(world, person, kind, address):
    ContactMethod.objects.filter(user=person).delete()
    paging.add_method(person, kind=kind, address=address, verified=True, by=Actor.of(person, "web"), now=world.now)


@pytest.fixture
def team(world, mattermost):
    """Ana by her name, Ben by his mail."""
    GATEWAYS["mattermost"].memory.known.clear()
    values = {"url": mattermost.url, "token": TOKEN}
    providers.create_provider(kind="mattermost", name="Larkfield", values=values, by=world.by, now=world.now)
    reached(world, world.ana, "mattermost", "@ana")
    reached(world, world.ben, "mattermost", "ben@example.com")
    world.policy([world.ana], [world.ben])
    return world


def call(url, body):
    return Client().post(url.removeprefix("http://localhost:8000"), body, content_type="application/json")


def actions(mattermost, name):
    return [one["name"] for one in mattermost.shown(name)["props"]["attachments"][0].get("actions", ())]


def test_a_press_acknowledges_and_the_post_says_so(team, mattermost):
    alert = team.alert("Checkout is down")
    assert actions(mattermost, "ana") == ["Acknowledge", "Escalate"]
    answer = call(*mattermost.pressed("Acknowledge", "ana", "ana"))
    assert answer.json() == {"ephemeral_text": "You have it: SEV2 Checkout is down."}
    run = team.escalation(alert)
    assert (run.status, run.acknowledged_by, run.acknowledged_via) == ("acknowledged", team.ana, "mattermost")
    team.settle()
    assert actions(mattermost, "ana") == [] and "Ana has it" in mattermost.shown("ana")["message"]


def test_escalate_pages_the_next_step_and_what_another_takes_is_shown_to_both(team, mattermost):
    alert = team.alert()
    call(*mattermost.pressed("Escalate", "ana", "ana"))
    team.settle()
    assert actions(mattermost, "ben") == ["Acknowledge", "Escalate"]
    call(*mattermost.pressed("Acknowledge", "ben", "ben"))
    team.settle()
    assert team.escalation(alert).acknowledged_by == team.ben
    assert actions(mattermost, "ana") == actions(mattermost, "ben") == []


def test_a_stranger_an_altered_address_and_the_accounts_address_do_nothing(team, mattermost):
    alert = team.alert()
    url, body = mattermost.pressed("Acknowledge", "ana", "cy")
    assert "belongs to nobody" in call(url, body).json()["ephemeral_text"]
    url, body = mattermost.pressed("Acknowledge", "ana", "ana")
    assert call(url[:-3] + "AA/", body).status_code == 404
    assert call(messages.inbound(Provider.objects.get()), body).status_code == 403
    assert call(url, b"[]").json() == {}
    assert team.escalation(alert).status == "running"


def test_the_buttons_of_a_page_of_yesterday_have_expired(team, mattermost):
    alert = team.alert()
    pressed = mattermost.pressed("Acknowledge", "ana", "ana")
    paging.stop(alert_id=alert.pk, reason="the alert has resolved", now=team.now)
    team.advance(hours=25)
    assert call(*pressed).status_code == 404


def test_by_teams_it_is_a_card_and_the_link_acknowledges(world):
    workflow = Workflow()
    values = {"url": f"{workflow.url}/workflows/1/triggers/manual/paths/invoke?sp=%2Frun&sig=of%2Flarkfield%2B"}
    providers.create_provider(kind="teams", name="Flow", values=values, by=world.by, now=world.now)
    assert "larkfield" not in str(Provider.objects.values().get())
    reached(world, world.ana, "teams", "Ana@example.com")
    world.policy([world.ana])
    alert = world.alert("Checkout is down")
    (asked,) = workflow.asked
    workflow.close()
    assert asked.said["recipient"] == "ana@example.com"
    acknowledge = asked.said["attachments"][0]["content"]["actions"][0]
    assert Client().post(acknowledge["url"].removeprefix("http://localhost:8000")).status_code == 303
    assert world.escalation(alert).acknowledged_by == world.ana
