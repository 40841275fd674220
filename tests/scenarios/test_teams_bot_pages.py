"""A page by a bot in Teams: linked by a code, taken by its button or a word, shown to say so; what Microsoft did not bring changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from tests.stand_ins import Told
from tests.stand_ins.teams import ROOM, Teams, chat_of, id_of
from tocsin.accounts.models import User
from tocsin.integrations.teams import bot, connector, proof
from tocsin.lib.refusal import Refused
from tocsin.oncall.models import Schedule
from tocsin.paging import messages
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import ContactMethod, Notification, Provider


@pytest.fixture
def teams():
    connector.tokens.known.clear()
    proof.keys.known.clear()
    stand_in = Teams()
    yield stand_in
    stand_in.close()


@pytest.fixture
def account(world, teams):
    return providers.create_provider(kind="teams_bot", name="Larkfield", values=teams.values, by=world.by, now=world.now)


def bring(world, teams, activity, **claims):
    """The Bot Connector brings it to the account's address; what it is answered."""
    body, headers = teams.signed(activity, world.now, **claims)
    place = messages.inbound(Provider.objects.get(kind="teams_bot")).removeprefix("http://localhost:8000")
    return Client().post(place, body, content_type="application/json", headers=headers)


def reached(world, teams, person, name):
    """That person is reached by the bot alone: they send it the code that their page shows."""
    ContactMethod.objects.filter(user=person).delete()
    method = paging.add_method(person, kind="teams_bot", by=world.by, now=world.now)
    link, words = paging.invitation(method, world.now)
    code = link.partition("&message=")[2]
    assert link.startswith("https://teams.microsoft.com/l/chat/0/0?users=28:1111") and f"“{code}”" in words
    assert bring(world, teams, teams.written(name, code)).status_code == 200
    assert teams.shown(name)["text"] == f"Proved. Pages for {person.name} reach you here."
    method.refresh_from_db()
    return method


@pytest.fixture
def team(world, teams, account):
    reached(world, teams, world.ana, "ana")
    reached(world, teams, world.ben, "ben")
    world.policy([world.ana], [world.ben])
    return world


def test_a_chat_is_linked_by_its_code_and_the_secrets_are_not_stored_in_the_clear(team, teams, account):
    method = ContactMethod.objects.get(user=team.ana)
    assert (method.address, method.label) == (id_of("ana"), "Ana") and method.verified_at
    assert teams.service not in str(ContactMethod.objects.values()) and teams.secret not in str(Provider.objects.values())


def test_the_schedules_of_whoever_links_a_chat_are_looked_at_anew(world, teams, account):
    schedule = world.schedule(world.ana)
    world.advance(minutes=1)
    Schedule.objects.filter(pk=schedule.pk).update(watch_at=world.now + timedelta(days=1))
    reached(world, teams, world.ana, "ana")
    assert Schedule.objects.get(pk=schedule.pk).watch_at == world.now


def test_a_press_acknowledges_and_every_card_says_so(team, teams):
    alert = team.alert("Checkout is down")
    assert teams.buttons("ana")[:2] == ["Acknowledge", "Escalate"] and "Checkout is down" in teams.words("ana")
    assert bring(team, teams, teams.pressed("Acknowledge", "ana", "ana")).status_code == 200
    run = team.escalation(alert)
    assert (run.status, run.acknowledged_by, run.acknowledged_via) == ("acknowledged", team.ana, "teams_bot")
    team.settle()
    assert "Ana has it, since" in teams.words("ana") and teams.buttons("ana") == []
    team.advance(hours=1)
    team.phone.silent()


def test_a_press_before_teams_has_answered_our_own_call_is_shown_too(team, teams, monkeypatch):
    pressed, send = [], bot.TeamsBot.send

    def slowly(*args, **more):
        receipt = send(*args, **more)
        pressed.append(bring(team, teams, teams.pressed("Acknowledge", "ana", "ana")))
        return receipt

    monkeypatch.setattr(bot.TeamsBot, "send", slowly)
    alert = team.alert("Checkout is down")
    team.settle()
    assert len(pressed) == 1 and team.escalation(alert).acknowledged_by == team.ana
    assert "Ana has it, since" in teams.words("ana") and teams.buttons("ana") == []


def test_escalate_pages_the_next_step_and_what_another_takes_is_shown_to_both(team, teams):
    alert = team.alert()
    bring(team, teams, teams.pressed("Escalate", "ana", "ana"))
    team.settle()
    bring(team, teams, teams.pressed("Acknowledge", "ben", "ben"))
    team.settle()
    assert team.escalation(alert).acknowledged_by == team.ben
    assert "Ben has it, since" in teams.words("ana") and "Ben has it, since" in teams.words("ben")


def test_a_word_answers_and_is_answered(team, teams):
    alert = team.alert("Checkout is down")
    bring(team, teams, teams.written("ana", "ack"))
    assert team.escalation(alert).acknowledged_by == team.ana
    assert teams.shown("ana")["text"] == "You have it: SEV2 Checkout is down."
    bring(team, teams, teams.written("ana", "hello there"))
    assert "Reply with the page's number" in teams.shown("ana")["text"]


def test_a_press_that_is_brought_again_or_made_again_after_somebody_took_it_changes_nothing(team, teams):
    alert = team.alert("Checkout is down")
    pressed, late = teams.pressed("Acknowledge", "ana", "ana"), teams.pressed("Escalate", "ana", "ben")
    bring(team, teams, pressed)
    before = (team.escalation(alert).acknowledged_at, len(team.timeline(alert)))
    team.advance(minutes=2)
    assert bring(team, teams, pressed).status_code == 200
    bring(team, teams, late)
    assert teams.shown("ben")["text"] == "Nobody else is to be paged for this any more, or somebody has it already."
    assert (team.escalation(alert).acknowledged_at, len(team.timeline(alert))) == before


def test_strangers_and_calls_that_are_not_the_connectors_do_nothing(team, teams):
    alert = team.alert()
    bring(team, teams, teams.pressed("Acknowledge", "ana", "mallory"))
    assert teams.shown("mallory")["text"] == "This address belongs to nobody here; nothing was done."
    pressed = teams.pressed("Acknowledge", "ana", "ana")
    for claims in ({"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1_000_000_000}, {"serviceurl": "https://evil.example/"}):
        assert bring(team, teams, pressed, **claims).status_code == 403
    assert bring(team, teams, {**pressed, "serviceUrl": "https://evil.example/"}).status_code == 403
    place = messages.inbound(Provider.objects.get()).removeprefix("http://localhost:8000")
    assert Client().post(place, teams.signed(pressed, team.now)[0], content_type="application/json").status_code == 403
    assert bring(team, teams, {**pressed, "value": {"do": "acknowledge", "page": 987654321}}).status_code == 200
    assert teams.shown("ana")["text"] == "This page is gone."
    assert team.escalation(alert).status == "running"


def test_the_page_of_a_person_shows_the_code_and_that_of_the_account_its_address(world, teams, account):
    User.objects.filter(pk=world.ana.pk).update(role="administrator")
    client = Client()
    client.force_login(world.ana)
    paging.add_method(world.ana, kind="teams_bot", by=world.by, now=world.now)
    page = client.get(f"/people/{world.ana.pk}/").content.decode()
    assert "open the chat with the code" in page and "to the bot in Teams" in page
    assert messages.inbound(account) in client.get(f"/settings/providers/{account.pk}/").content.decode()


def test_a_wrong_or_old_code_links_nobody(world, teams, account):
    method = paging.add_method(world.cy, kind="teams_bot", by=world.by, now=world.now)
    code = paging.invitation(method, world.now)[0].partition("&message=")[2]
    bring(world, teams, teams.written("cy", f"{method.pk}-{'0' * 24}"))
    assert "not the code" in teams.shown("cy")["text"]
    bring(world, teams, teams.written("cy", code, ROOM))  # said in a channel, where others read it
    world.advance(minutes=11)
    bring(world, teams, teams.written("cy", code))
    method.refresh_from_db()
    assert "no longer valid" in teams.shown("cy")["text"] and method.verified_at is None


def test_whoever_links_again_has_one_way_with_the_newest_address(team, teams):
    method = paging.add_method(team.ana, kind="teams_bot", by=team.by, now=team.now)
    code = paging.invitation(method, team.now)[0].partition("&message=")[2]
    bring(team, teams, teams.written("ana", code))
    assert [one.pk for one in ContactMethod.objects.filter(user=team.ana, removed_at=None)] == [method.pk]


def test_a_blocked_bot_loses_its_proof_and_the_next_is_paged_at_once(team, teams):
    teams.blocked.add(chat_of("ana"))
    team.policy([team.ana, team.ben])
    team.alert("Checkout is down")
    method = ContactMethod.objects.get(user=team.ana)
    assert method.verified_at is None and "blocked or removed the bot" in method.lost_reason
    assert "Checkout is down" in teams.words("ben")


def test_too_many_messages_wait_as_long_as_teams_says(team, teams):
    teams.instead = [Told(429, {"error": {"code": "Throttled"}}, {"Retry-After": "20"})]
    team.alert("Checkout is down")
    assert "Checkout is down" not in str(teams.activities)
    team.advance(seconds=21)
    assert "Checkout is down" in teams.words("ana")


def test_a_secret_that_has_expired_is_told_to_administrators_by_another_way(team, teams):
    User.objects.filter(pk=team.lea.pk).update(role="administrator")
    connector.tokens.known.clear()
    teams.secret = "a new one"
    team.alert()
    team.advance(seconds=5)
    (told,) = Notification.objects.filter(user=team.lea, kind="notice")
    assert told.method_kind == "phone" and "AADSTS7000215: Invalid client secret" in told.text


def test_a_channel_is_told_and_whoever_is_proved_takes_it_there_in_their_own_name(team, teams, account):
    steps = [[{"kind": "chat", "id": account.pk, "address": f"https://teams.microsoft.com/l/channel/{ROOM}/Ops"}, team.ana], [team.ben]]
    team.policy(*steps)
    alert = team.alert("Checkout is down")
    assert teams.buttons(ROOM)[:2] == ["Acknowledge", "Escalate"]
    bring(team, teams, teams.pressed("Acknowledge", ROOM, "cy"))
    assert "belongs to nobody" in list(teams.activities.values())[-1]["text"] and team.escalation(alert).status == "running"
    bring(team, teams, teams.pressed("Acknowledge", ROOM, "ben"))
    team.settle()
    assert team.escalation(alert).acknowledged_by == team.ben
    assert "Ben has it, since" in teams.words(ROOM) and teams.buttons(ROOM) == [] and "Ben has it, since" in teams.words("ana")
    with pytest.raises(Refused) as refused:
        team.policy([{"kind": "chat", "id": account.pk, "address": "#ops"}])
    assert "Get link to channel" in str(refused.value.errors)
