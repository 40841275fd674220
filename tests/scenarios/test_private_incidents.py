"""A private incident stays unknown where its alert is public, and whoever is paged for it can still take it."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.accounts import operations_teams, operations_tokens
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import Role, User
from tocsin.alerts.models import Alert
from tocsin.paging import messages
from tocsin.paging.models import Escalation, Notification
from tocsin.response import alert_reach
from tocsin.response.acknowledge import acknowledge_by_link
from tocsin.response.declare_incident import declare

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> Organisation:
    return Organisation()


def secret(house: Organisation) -> tuple[Alert, str]:
    alert = house.alert()
    with_procedure(alert)
    incident = declare(
        title="Mallory took the keys",
        severity="SEV1",
        private=True,
        alert=alert,
        service=house.service,
        by=house.act(house.ana),
        now=clock.now(),
    )
    return alert, incident.ref


def with_procedure(alert: Alert) -> None:
    from tocsin.procedures import operations as procedures

    alert_reach.first(alert, procedures.document(procedures.current()), accepted_at=clock.now(), now=clock.now())


def read(user: User, path: str) -> str:
    token = operations_tokens.add_token(name="test", scopes=["read"], user_id=user.pk, by=SYSTEM, now=clock.now())[1]
    answer = Client().get(path, HTTP_AUTHORIZATION=f"Bearer {token}")
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_its_alert_says_nothing_of_it_to_outsiders_over_http(house: Organisation):
    alert, ref = secret(house)
    for path in (f"/api/v1/alerts/{alert.pk}", f"/api/v1/alerts/{alert.pk}/timeline"):
        seen = read(house.cy, path)
        assert ref not in seen and "Mallory" not in seen, seen
        assert ref in read(house.ana, path)
    assert "escalation_started" in read(house.lea, f"/api/v1/alerts/{alert.pk}/timeline")


def test_nor_on_its_page(house: Organisation):
    alert, ref = secret(house)
    for user, knows in ((house.cy, False), (house.ana, True)):
        browser = Client()
        browser.force_login(user)
        page = browser.get(f"/alerts/{alert.pk}/").content.decode()
        assert (ref in page) is knows and (knows or "Mallory" not in page)


def test_whoever_is_paged_for_it_takes_it_by_the_link_and_knows_of_it_from_then_on(house: Organisation):
    incident = declare(title="Break-in", severity="SEV1", private=True, service=house.service, by=house.act(house.lea), now=clock.now())
    sent = Notification.objects.select_related("escalation").filter(incident_id=incident.pk, user=house.ana, kind="page").first()
    assert sent is not None
    token = messages.ack_link(sent, clock.now()).rstrip("/").rpartition("/")[2]
    assert acknowledge_by_link(token=token, now=clock.now()).taken
    assert set(Escalation.objects.filter(incident_id=incident.pk, track="on_call").values_list("status", flat=True)) == {"acknowledged"}
    assert incident.ref in read(house.ana, "/api/v1/incidents")
    assert incident.ref not in read(house.ben, "/api/v1/incidents")


def test_an_older_page_of_its_alert_lets_nobody_into_it_but_is_answered_all_the_same(world):
    User.objects.filter(pk=world.cy.pk).update(role=Role.OBSERVER)
    world.policy([world.cy], [world.ana])
    alert = world.alert("Odd sign-ins")
    link = world.phone.expect(world.cy).link
    world.advance(minutes=1)
    made = declare(title="Mallory", severity="SEV2", private=True, alert=alert, by=world.by, now=world.now)
    (page,) = world.pages(user=world.cy, incident_id=made.pk)
    for answer in (link, messages.ack_link(page, world.now)):
        acknowledge_by_link(token=answer.rstrip("/").rpartition("/")[2], now=world.now)
        assert made.ref not in read(world.cy, "/api/v1/incidents")
    assert world.escalation(alert).status == "acknowledged"


def test_whoever_is_paged_by_a_later_step_takes_part(world):
    world.policy([world.cy], [world.ben])
    alert = world.alert("Odd sign-ins")
    world.phone.expect(world.cy)
    made = declare(title="Mallory", severity="SEV2", private=True, alert=alert, by=world.by, now=world.now)
    world.advance(minutes=6)
    acknowledge_by_link(token=world.phone.expect(world.ben).link.rstrip("/").rpartition("/")[2], now=world.now)
    world.phone.unread.clear()
    assert made.ref in read(world.ben, "/api/v1/incidents")


def test_a_session_without_the_demanded_second_factor_is_refused_by_the_api_too(house: Organisation):
    browser = Client()
    User.objects.filter(pk=house.ana.pk).update(role=Role.ADMINISTRATOR)
    browser.force_login(User.objects.get(pk=house.ana.pk))
    assert browser.get("/api/v1/alerts").status_code == 200
    operations_teams.change_organisation({"require_mfa": True}, by=SYSTEM, now=clock.now())
    answer = browser.get("/api/v1/alerts")
    assert answer.status_code == 403 and "second factor" in answer.json()["detail"]
    assert '"items"' in read(house.ana, "/api/v1/alerts")  # a token was given out on purpose
