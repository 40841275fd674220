"""Low severities on pages: a ticket instead of a page, a message in the team's room instead of a page."""

from __future__ import annotations

import pytest

from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Role, Team, User
from tocsin.incidents.models import Ticket
from tocsin.paging.models import Notification
from tocsin.response.declare_incident import declare

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    return User.objects.create_user("ana@example.com", "a long enough password", name="Ana Alder", role=Role.RESPONDER)


@pytest.fixture
def team(ana):
    team = Team.objects.create(name="Payments", slug="payments")
    team.members.add(ana)
    return team


@pytest.mark.clause("S32")
def test_a_low_severity_shows_a_ticket_that_is_finished_with_one_click(client, ana):
    declare(title="Typo on the invoice", severity="SEV4", by=Actor.of(ana, "web"), now=clock.now())
    ticket = Ticket.objects.get()
    client.force_login(ana)
    assert "Typo on the invoice" in client.get("/tickets/").content.decode()
    assert client.post("/tickets/", {"ticket": ticket.pk, "done": "1"}).status_code == 303
    ticket.refresh_from_db()
    assert ticket.status == "done" and ticket.done_by == ana
    assert "Typo on the invoice" in client.get("/tickets/?status=done").content.decode()
    assert not Notification.objects.filter(kind="page").exists()


def test_a_team_talks_in_its_room(client, ana, team):
    client.force_login(ana)
    assert client.post(f"/teams/{team.pk}/", {"deed": "say", "text": "Who watches the queue?"}).status_code == 303
    assert "Who watches the queue?" in client.get(f"/teams/{team.pk}/").content.decode()
    refused = client.post(f"/teams/{team.pk}/", {"deed": "say", "text": " "})
    assert refused.status_code == 422 and "Write something first." in refused.content.decode()


def test_what_is_private_is_not_told_in_the_room_to_others(client, ana, team):
    ben = User.objects.create_user("ben@example.com", "a long enough password", name="Ben Birch", role=Role.RESPONDER)
    from tocsin.accounts.actor import SYSTEM
    from tocsin.timeline.operations import record

    incident = declare(title="A laptop is missing", severity="SEV3", private=True, by=Actor.of(ana, "web"), now=clock.now())
    record("team_message", "A laptop is missing", by=SYSTEM, now=clock.now(), incident_id=incident.pk, team_id=team.pk)
    client.force_login(ben)
    assert "A laptop is missing" not in client.get(f"/teams/{team.pk}/").content.decode()
    client.force_login(ana)
    assert "A laptop is missing" in client.get(f"/teams/{team.pk}/").content.decode()
