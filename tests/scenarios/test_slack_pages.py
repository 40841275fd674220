"""A page goes out by Slack, is taken by its button, and says so wherever it is seen; what Slack did not send changes nothing."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.stand_ins import Told
from tests.stand_ins.slack import SECRET, TOKEN, Slack, signed
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.refusal import Refused
from tocsin.paging import messages
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import ContactMethod, Escalation, Notification, Provider
from tocsin.response.declare_incident import declare

ANA, BEN, CY = "U0ANA1111", "U0BEN2222", "U0CYX3333"
AT_ANA, AT_BEN = "D0ANA1111", "D0BEN2222"


@pytest.fixture
def slack():
    stand_in = Slack()
    stand_in.members[CY] = "cy@example.com"
    yield stand_in
    stand_in.close()


@pytest.fixture
def account(world, slack):
    GATEWAYS["slack"].memory.known.clear()
    values = {"token": TOKEN, "signing_secret": SECRET, "api": slack.api}
    return providers.create_provider(kind="slack", name="Larkfield", values=values, by=world.by, now=world.now)


def reached(world, person, address, **more):
    """That person is reached by Slack alone, until the story says otherwise."""
    ContactMethod.objects.filter(user=person).delete()
    return paging.add_method(person, kind="slack", address=address, verified=True, by=Actor.of(person, "web"), now=world.now, **more)


@pytest.fixture
def team(world, account):
    """Ana by her member id, Ben by his e-mail address."""
    reached(world, world.ana, ANA)
    reached(world, world.ben, "ben@example.com")
    world.policy([world.ana], [world.ben])
    return world


def press(slack, world, label, place, member, *, headers=None, **more):
    """Slack calls the account's address; what it is answered."""
    body = slack.pressed(label, place, member, **more)
    made = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in {**signed(body, world.now.timestamp()), **(headers or {})}.items()
    }
    address = messages.inbound(Provider.objects.get(kind="slack")).removeprefix("http://localhost:8000")
    return Client().post(address, body, content_type="application/x-www-form-urlencoded", **made)


def buttons(slack, place):
    return list(slack.buttons(slack.shown(place)))


def test_a_press_acknowledges_as_the_person_and_the_message_says_so(team, slack):
    alert = team.alert("Checkout is down")
    assert slack.shown(AT_ANA)["text"] == "SEV2 Checkout is down"
    answer = press(slack, team, "Acknowledge", AT_ANA, ANA)
    assert (answer.status_code, answer.content) == (200, b"")
    run = team.escalation(alert)
    assert (run.status, run.acknowledged_by, run.acknowledged_via) == ("acknowledged", team.ana, "slack")
    team.settle()
    assert buttons(slack, AT_ANA) == [] and re.search(r"Ana has it, since \d\d:\d\d UTC\.", slack.shown(AT_ANA)["text"])
    page = team.pages(user=team.ana)[0]
    assert page.state == "delivered" and "Ana answered" in page.outcome


def test_what_another_took_has_no_buttons_any_more_in_anybodys_messages(team, slack):
    alert = team.alert()
    team.advance(minutes=5)
    assert buttons(slack, AT_BEN) == ["Acknowledge", "Escalate"]
    team.acknowledge(alert, team.cy)
    team.settle()
    assert buttons(slack, AT_ANA) == buttons(slack, AT_BEN) == [] and "Cy has it" in slack.shown(AT_ANA)["text"]


def test_ben_is_known_by_his_member_id_although_he_gave_his_mail(team, slack):
    alert = team.alert()
    team.advance(minutes=5)
    assert ContactMethod.objects.get(user=team.ben).known_as == BEN
    press(slack, team, "Acknowledge", AT_BEN, BEN)
    assert team.escalation(alert).acknowledged_by == team.ben


def test_escalate_pages_the_next_step_at_once(team, slack):
    team.alert()
    press(slack, team, "Escalate", AT_ANA, ANA)
    team.settle()
    assert buttons(slack, AT_BEN) == ["Acknowledge", "Escalate"]


def test_who_comes_late_hears_who_has_it(team, slack):
    alert = team.alert()
    body = slack.pressed("Acknowledge", AT_ANA, ANA)
    team.acknowledge(alert, team.ben)
    slack.pressed = lambda *_, **__: body  # before the message was changed
    assert press(slack, team, "Acknowledge", AT_ANA, ANA).status_code == 200
    assert team.escalation(alert).acknowledged_by == team.ben


def test_a_message_that_arrives_after_the_acknowledgement_is_changed_too(team, slack, monkeypatch):
    alert = team.alert(page=False)
    team.page(alert)
    real = GATEWAYS["slack"].send

    def send(*args, **kwargs):
        receipt = real(*args, **kwargs)
        team.acknowledge(alert, team.ben)
        return receipt

    monkeypatch.setattr(GATEWAYS["slack"], "send", send)
    team.settle()
    assert buttons(slack, AT_ANA) == []


def test_an_acknowledgement_that_ran_out_is_told_in_the_old_message(team, slack):
    alert = team.alert()
    press(slack, team, "Acknowledge", AT_ANA, ANA)
    team.settle()
    paging.give_back([team.escalation(alert).pk], by=team.by, now=team.now)
    team.advance(minutes=2)
    first, second = slack.messages.values()
    assert "paged again" in first["text"] and list(slack.buttons(second)) == ["Acknowledge", "Escalate"]


def test_a_stranger_who_presses_is_told_that_nothing_was_done(team, slack):
    alert = team.alert()
    assert press(slack, team, "Acknowledge", AT_ANA, CY).status_code == 200
    assert team.escalation(alert).status == "running"
    assert slack.whispers == [(AT_ANA, CY, "This address belongs to nobody here; nothing was done.")]


def test_an_observer_who_presses_is_told_why_not(team, slack):
    reached(team, team.cy, CY)
    User.objects.filter(pk=team.cy.pk).update(role="observer")
    alert = team.alert()
    press(slack, team, "Acknowledge", AT_ANA, CY)
    assert team.escalation(alert).status == "running" and "Observers can read" in slack.whispers[0][2]


def test_an_observer_does_not_pass_on_the_page_of_another(team, slack):
    reached(team, team.cy, CY)
    User.objects.filter(pk=team.cy.pk).update(role="observer")
    alert = team.alert()
    press(slack, team, "Escalate", AT_ANA, CY)
    team.settle()
    assert "passed_on" not in team.timeline(alert) and "Observers can read" in slack.whispers[0][2]


def test_a_responder_does_not_pass_on_what_is_about_a_private_incident_of_others(team, slack):
    reached(team, team.cy, CY)
    alert = team.alert()
    body = slack.pressed("Escalate", AT_ANA, CY)
    declare(title="Break-in", severity="SEV2", private=True, alert=alert, by=team.by, now=team.now)
    team.settle()
    slack.pressed = lambda *_, **__: body
    press(slack, team, "Escalate", AT_ANA, CY)
    assert "passed_on" not in team.timeline(alert)


def test_another_responder_may_press_where_they_see_it_and_has_it_themselves(team, slack):
    reached(team, team.cy, CY)
    alert = team.alert()
    press(slack, team, "Acknowledge", AT_ANA, CY)
    assert team.escalation(alert).acknowledged_by == team.cy
    assert team.pages(user=team.ana)[0].state == "accepted"  # that Ana has seen it, nobody said


@pytest.mark.parametrize(
    "wrong",
    [
        {"headers": {"X-Slack-Signature": "v0=" + "0" * 64}},
        {"headers": {"X-Slack-Signature": ""}},
        {"headers": {"X-Slack-Request-Timestamp": "1"}},
        {"team": "T0FOREIGN"},
        {"of_team": "T0FOREIGN"},
    ],
)
def test_what_slack_did_not_send_from_our_workspace_changes_nothing(team, slack, wrong):
    alert = team.alert()
    assert press(slack, team, "Acknowledge", AT_ANA, ANA, **wrong).status_code == 403
    assert team.escalation(alert).status == "running"


def test_a_signature_of_six_minutes_ago_is_too_old(team, slack):
    alert = team.alert()
    body = slack.pressed("Acknowledge", AT_ANA, ANA)
    old = signed(body, team.now.timestamp())
    team.advance(minutes=6)
    assert press(slack, team, "Acknowledge", AT_ANA, ANA, headers=old).status_code == 403
    assert team.escalation(alert).acknowledged_at is None


@pytest.mark.parametrize(("seconds", "waits"), [(30, True), (86400, False)])
def test_too_many_requests_are_waited_for_a_minute_at_most(team, slack, seconds, waits):
    team.method(team.ana, "+1")
    paging.add_rule(team.ana, contact_method=ContactMethod.objects.get(user=team.ana, kind="slack").pk, by=team.by, now=team.now)
    slack.instead = [Told(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(seconds)})]
    team.alert()
    if waits:
        team.advance(seconds=31)
        assert buttons(slack, AT_ANA) == ["Acknowledge", "Escalate"]
    else:
        team.phone.expect(team.ana, number="+1")
    assert [page.state for page in team.pages(user=team.ana)] == (["accepted"] if waits else ["failed", "delivered"])


def test_ok_false_is_a_failure_with_plain_words_and_the_next_step_follows(team, slack):
    slack.members.pop(ANA)
    alert = team.alert()
    assert "no such person or channel" in team.pages(user=team.ana)[0].outcome
    assert buttons(slack, AT_BEN) == ["Acknowledge", "Escalate"]
    assert team.timeline(alert).count("page_failed") == 1


def test_revoked_credentials_lead_to_the_next_method_at_once_and_administrators_hear_of_it_by_another_way_once(team, slack):
    User.objects.filter(pk=team.lea.pk).update(role="administrator")
    paging.add_method(team.lea, kind="slack", address="U0LEA4444", verified=True, by=team.by, now=team.now)
    team.method(team.ana, "+1")
    paging.add_rule(team.ana, contact_method=ContactMethod.objects.get(user=team.ana, kind="slack").pk, by=team.by, now=team.now)
    slack.token = "xoxb-another"
    for _ in range(2):
        team.alert()
        team.advance(minutes=2)
        team.phone.expect(team.ana, number="+1")
    told = Notification.objects.filter(user=team.lea, kind="notice")
    assert [(row.method_kind, "does not accept the bot token" in row.text) for row in told] == [("phone", True)]


def test_an_address_is_proved_by_a_code_that_comes_by_slack(world, account, slack):
    method = paging.add_method(world.cy, kind="slack", address="Cy@example.com", by=Actor.of(world.cy, "web"), now=world.now)
    assert method.verified_at is None
    world.settle()
    shown = slack.shown("D0CYX3333")
    code = re.search(r"\d{6}", str(shown["blocks"])).group()
    assert paging.verify(method, code, by=Actor.of(world.cy, "web"), now=world.now).verified_at
    assert ContactMethod.objects.get(pk=method.pk).known_as == CY
    with pytest.raises(Refused):
        paging.add_method(world.cy, kind="slack", address="somebody", by=world.by, now=world.now)


def test_an_edit_that_fails_is_tried_again_and_given_up_after_a_day(team, slack):
    alert = team.alert()
    slack.instead = [Told(503)]
    team.acknowledge(alert, team.ben)
    team.settle()
    assert buttons(slack, AT_ANA) == ["Acknowledge", "Escalate"]
    team.advance(seconds=31)
    assert buttons(slack, AT_ANA) == [] and not Notification.objects.filter(refresh_due_at__isnull=False).exists()


# -- channels -------------------------------------------------------------------------------------------------------------


def told(world, account, *people):
    """The first step tells #ops beside paging these people."""
    world.policy([{"kind": "chat", "id": account.pk, "address": "#ops"}, *people])


def test_a_channel_is_told_and_a_responder_takes_it_there(team, account, slack):
    told(team, account, team.ana)
    alert = team.alert("Checkout is down")
    assert buttons(slack, "C0OPS3333") == ["Acknowledge", "Escalate"]
    press(slack, team, "Acknowledge", "C0OPS3333", BEN)  # whose address no message has told yet
    assert team.escalation(alert).status == "running" and "belongs to nobody" in slack.whispers[0][2]
    reached(team, team.cy, CY)
    press(slack, team, "Acknowledge", "C0OPS3333", CY)
    assert team.escalation(alert).acknowledged_by == team.cy
    team.settle()
    assert buttons(slack, "C0OPS3333") == buttons(slack, AT_ANA) == [] and "Cy has it" in slack.shown("C0OPS3333")["text"]


def test_a_press_in_a_channel_opens_no_private_incident_to_whoever_may_not_know_of_it(team, account, slack):
    reached(team, team.cy, CY)
    told(team, account, team.ana)
    incident = declare(title="Break-in", severity="SEV2", private=True, service=team.service, by=Actor.of(team.lea, "web"), now=team.now)
    team.settle()
    assert "A private incident" in slack.shown("C0OPS3333")["text"]
    press(slack, team, "Acknowledge", "C0OPS3333", CY)
    assert slack.whispers[-1][2] == "There is no such incident."
    press(slack, team, "Acknowledge", AT_ANA, ANA)
    assert Escalation.objects.get(incident_id=incident.pk, track="on_call").acknowledged_by == team.ana


def test_another_account_s_secret_speaks_for_its_own_pages_alone(team, slack):
    other = "f" * 32
    values = {"token": TOKEN, "signing_secret": other, "api": slack.api}
    foreign = providers.create_provider(kind="slack", name="Another app", position=1, values=values, by=team.by, now=team.now)
    alert = team.alert()
    body = slack.pressed("Acknowledge", AT_ANA, ANA)
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in signed(body, team.now.timestamp(), other).items()}
    address = messages.inbound(foreign).removeprefix("http://localhost:8000")
    assert Client().post(address, body, content_type="application/x-www-form-urlencoded", **headers).status_code == 200
    assert team.escalation(alert).status == "running" and slack.whispers == [(AT_ANA, ANA, "This page is gone.")]


def test_what_each_way_can_do_is_said_honestly(team):
    browser = Client()
    browser.force_login(team.ana)
    kinds = {one["kind"]: one for one in browser.get("/api/v1/contact-method-kinds").json()["items"]}
    assert [kinds[kind]["two_way"] for kind in ("slack", "mattermost", "matrix", "teams")] == [True, True, True, False]
    assert not any(kinds[kind]["wakes"] or kinds[kind]["receipts"] for kind in ("slack", "mattermost", "matrix", "teams"))
    page = browser.get(f"/people/{team.ana.pk}/").content.decode()
    assert "What each way can do" in page and "Does not promise to wake a sleeping phone, is answered by its link" in page
