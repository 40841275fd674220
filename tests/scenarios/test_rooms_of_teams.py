"""A medium severity pages nobody: the procedure tells the team, in its room of a chat too; it can be taken there."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.scenarios.test_slack_pages import ANA, account, press, reached, slack  # noqa: F401 - fixtures
from tests.stand_ins import Told
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.paging import operations_rooms as rooms
from tocsin.paging.models import TeamRoom
from tocsin.procedures import operations as procedures
from tocsin.response import alert_reach
from tocsin.response.declare_incident import declare

OPS = "C0OPS3333"


@pytest.fixture
def room(world, account):  # noqa: F811
    made = rooms.set_room(world.team, {"account": account.pk, "address": "#ops"}, by=world.by, now=world.now)
    world.settle()
    return made


def medium(world, title="Search is slow") -> Alert:
    """An alert of a medium severity, whose severity is carried out."""
    alert = world.alert(title, severity="SEV3", page=False)
    alert_reach.first(alert, procedures.document(procedures.current()), accepted_at=world.now, now=world.now)
    world.settle()
    return alert


@pytest.mark.clause("S24")
def test_a_medium_alert_is_told_in_the_teams_channel_and_taken_there_and_nobody_is_paged(world, room, slack):  # noqa: F811
    assert "is told what the incident procedure tells the team Payments" in str(slack.shown(OPS)["blocks"])
    reached(world, world.ana, ANA)
    alert = medium(world)
    shown = slack.shown(OPS)
    assert shown["text"] == "SEV3 Search is slow" and "the procedure tells the team Payments of SEV3" in str(shown["blocks"])
    assert list(slack.buttons(shown)) == ["Acknowledge", "Escalate", "Open"] and f"/alerts/{alert.pk}/" in str(shown["blocks"])
    assert press(slack, world, "Acknowledge", OPS, ANA).status_code == 200
    run = world.escalation(alert)
    assert (run.status, run.acknowledged_by, run.acknowledged_via) == ("acknowledged", world.ana, "slack")
    world.settle()
    assert "Ana has it, since" in slack.shown(OPS)["text"] and list(slack.buttons(slack.shown(OPS))) == ["Open"]
    world.phone.silent()
    assert world.timeline(alert)[:2] == ["team_message", "post_sent"]


def test_an_incident_is_told_once_and_a_private_one_without_what_it_is_about(world, room, slack):  # noqa: F811
    by = Actor.of(world.ana, "web")
    declare(title="Search is slow", severity="SEV3", service=world.service, impact="Results take 4 s", by=by, now=world.now)
    world.settle()
    assert "Results take 4 s" in str(slack.shown(OPS)["blocks"]) or "Search is slow" in slack.shown(OPS)["text"]
    assert len([place for place, _ in slack.messages if place == OPS]) == 2
    declare(title="A laptop is missing", severity="SEV3", service=world.service, private=True, by=by, now=world.now)
    world.settle()
    assert "A private incident" in slack.shown(OPS)["text"] and "laptop" not in str(slack.messages)


def test_a_channel_that_cannot_be_reached_is_on_the_record_and_on_the_page_of_the_team(world, room, slack):  # noqa: F811
    slack.channels.clear()
    alert = medium(world)
    assert world.timeline(alert)[:2] == ["team_message", "post_failed"]
    client = Client()
    client.force_login(world.ana)
    User.objects.filter(pk=world.ana.pk).update(role="administrator")
    page = client.get(f"/teams/{world.team.pk}/").content.decode()
    assert "The last message did not arrive" in page and "no such person or channel" in page


def test_an_administrator_chooses_the_room_on_the_page_or_by_the_api_and_takes_it_away(world, account, slack):  # noqa: F811
    User.objects.filter(pk=world.ana.pk).update(role="administrator")
    client = Client()
    client.force_login(world.ana)
    where, form = f"/teams/{world.team.pk}/", {"deed": "save", "name": "Payments", "members": [world.ana.pk, world.ben.pk]}
    wrong = client.post(where, {**form, "chat_account": account.pk, "chat": "not a room"})
    assert wrong.status_code == 422 and "Give the channel" in wrong.content.decode() and not TeamRoom.objects.exists()
    client.post(where, {**form, "chat_account": account.pk, "chat": "#ops"})
    world.settle()
    assert TeamRoom.objects.get().address == "#ops" and "The last message arrived" in client.get(where).content.decode()
    client.post(where, {**form, "chat_account": account.pk, "chat": "#ops"})
    world.settle()
    assert len(slack.messages) == 1  # it is greeted once
    api = f"/api/v1/teams/{world.team.pk}"
    assert client.get(api).json()["chat"] == {"account": account.pk, "address": "#ops"}
    headers = {"content_type": "application/json"}
    assert client.patch(api, {"chat": {"account": 99, "address": "#x"}}, **headers).status_code == 422
    assert client.patch(api, {"name": "Payments"}, **headers).json()["chat"]["address"] == "#ops"
    assert client.patch(api, {"chat": None}, **headers).json()["chat"] is None and not TeamRoom.objects.exists()


def test_while_slack_is_busy_the_message_waits(world, room, slack):  # noqa: F811
    slack.instead = [Told(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "20"})]
    medium(world)
    assert "Search is slow" not in slack.shown(OPS)["text"]
    world.advance(seconds=21)
    assert slack.shown(OPS)["text"] == "SEV3 Search is slow"
