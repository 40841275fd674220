"""A page goes out by Matrix and is taken by a reaction, a reply or a word; talk in rooms, strangers and old words take nothing."""

from __future__ import annotations

import pytest

from tests.stand_ins import Told
from tests.stand_ins.matrix import TOKEN, Matrix
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.integrations.registry import GATEWAYS
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import ContactMethod, Notification, Provider
from tocsin.response import listen_in_chats

ANA, BEN, CY = "@ana:larkfield.example", "@ben:larkfield.example", "@cy:larkfield.example"
OPS = "!ops:larkfield.example"


@pytest.fixture
def matrix(monkeypatch):
    monkeypatch.setattr(listen_in_chats, "WAIT_SECONDS", 0)
    GATEWAYS["matrix"].memory.known.clear()
    stand_in = Matrix()
    stand_in.people.add(CY)
    yield stand_in
    stand_in.close()


def reached(world, person, address):
    ContactMethod.objects.filter(user=person).delete()
    paging.add_method(person, kind="matrix", address=address, verified=True, by=Actor.of(person, "web"), now=world.now)


@pytest.fixture
def account(world, matrix):
    values = {"url": matrix.url, "token": TOKEN}
    return providers.create_provider(kind="matrix", name="Larkfield", values=values, by=world.by, now=world.now)


@pytest.fixture
def team(world, account):
    reached(world, world.ana, ANA)
    reached(world, world.ben, BEN)
    world.policy([world.ana], [world.ben])
    return world


def content(matrix, person):
    return matrix.shown(matrix.direct(person))["content"]


@pytest.mark.parametrize(("how", "what"), [("react", "👍"), ("reply", "ack"), ("write", "ack")])
def test_a_reaction_a_reply_or_a_word_acknowledges_and_the_message_says_so(team, matrix, how, what):
    alert = team.alert("Checkout is down")
    team.advance(seconds=2)
    getattr(matrix, how)(matrix.direct(ANA), ANA, what)
    team.advance(seconds=2)
    run = team.escalation(alert)
    assert (run.status, run.acknowledged_by, run.acknowledged_via) == ("acknowledged", team.ana, "matrix")
    assert "Ana has it" in content(matrix, ANA)["m.new_content"]["body"]
    team.advance(seconds=2)
    assert Provider.objects.get().listens_due_at is None  # nothing is open: nobody listens


def test_escalate_by_reply_pages_the_next_step(team, matrix):
    team.alert()
    matrix.reply(matrix.direct(ANA), ANA, "escalate")
    team.advance(seconds=2)
    assert "Checkout" in content(matrix, BEN)["body"]


def test_two_pages_that_wait_need_to_be_told_apart_and_the_person_hears_how(team, matrix):
    first = team.alert("Checkout is down")
    team.advance(seconds=61)
    team.alert("Mail is down")
    matrix.write(matrix.direct(ANA), ANA, "ack")
    team.advance(seconds=2)
    said = content(matrix, ANA)
    assert said["msgtype"] == "m.notice" and "2 pages wait for an answer" in said["body"]
    assert team.escalation(first).status == "running"


def test_a_word_from_before_the_page_takes_nothing(team, matrix):
    alert = team.alert()
    matrix.react(matrix.direct(ANA), ANA, "👍")
    team.advance(seconds=3)
    assert team.escalation(alert).status == "acknowledged"
    matrix.write(matrix.direct(ANA), ANA, "ok")  # when nobody listens any more
    team.advance(minutes=2)
    second = team.alert("Mail is down")
    team.advance(seconds=5)
    assert team.escalation(second).status == "running"


def test_in_a_room_only_what_answers_the_message_counts_and_only_of_people_with_a_proved_address(team, account, matrix):
    team.policy([{"kind": "chat", "id": account.pk, "address": "#ops:larkfield.example"}, team.ana])
    alert = team.alert()
    team.advance(seconds=2)
    matrix.write(OPS, ANA, "ok")
    matrix.write(OPS, CY, "ack")
    matrix.react(OPS, CY, "👍")
    team.advance(seconds=2)
    assert team.escalation(alert).status == "running" and "belongs to nobody" in matrix.shown(OPS)["content"]["body"]
    reached(team, team.cy, CY)
    matrix.happens(OPS, CY, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$of-somebody-else", "key": "👍"}})
    team.advance(seconds=2)
    assert team.escalation(alert).status == "running"
    ours = next(event for event in matrix.events if event["room_id"] == OPS and "Checkout" in str(event["content"]))
    matrix.happens(OPS, CY, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": ours["event_id"], "key": "✅"}})
    team.advance(seconds=2)
    assert team.escalation(alert).acknowledged_by == team.cy


def test_listening_goes_on_after_faults_and_a_revoked_token_is_told_to_administrators(team, matrix):
    User.objects.filter(pk=team.lea.pk).update(role="administrator")
    alert = team.alert()
    matrix.instead = [Told(502, b"<html>")]
    team.advance(seconds=20)
    matrix.token = "another"
    team.advance(seconds=20)
    assert Notification.objects.filter(user=team.lea, kind="notice", text__contains="access token").count() == 1
    matrix.token = TOKEN
    matrix.react(matrix.direct(ANA), ANA, "👍")
    team.advance(seconds=20)
    assert team.escalation(alert).status == "acknowledged"


def test_an_address_is_proved_by_a_code_in_a_direct_room(world, account, matrix):
    method = paging.add_method(world.cy, kind="matrix", address=CY, by=Actor.of(world.cy, "web"), now=world.now)
    world.settle()
    code = content(matrix, CY)["body"].partition("The code is ")[2][:6]
    assert paging.verify(method, code, by=Actor.of(world.cy, "web"), now=world.now).verified_at


def test_an_answer_that_was_carried_out_just_before_a_crash_is_not_carried_out_again(team, matrix, monkeypatch):
    team.policy([team.ana], [team.ben], [team.cy])
    team.alert()
    team.advance(seconds=2)
    matrix.reply(matrix.direct(ANA), ANA, "escalate")
    mark = Provider.objects.get().listens_mark
    team.advance(seconds=2)
    assert "Checkout" in content(matrix, BEN)["body"]
    Provider.objects.update(listens_mark=mark)  # as if the worker had ended before it could note how far it had heard
    team.advance(seconds=10)
    team.phone.silent()  # Cy would be next


def test_a_page_in_an_encrypted_room_says_that_answers_there_cannot_be_read(team, account, matrix):
    matrix.encrypted.add(OPS)
    team.policy([{"kind": "chat", "id": account.pk, "address": "#ops:larkfield.example"}, team.ana])
    team.alert()
    assert "This room is encrypted" in matrix.shown(OPS)["content"]["body"] and "React with" not in matrix.shown(OPS)["content"]["body"]
    assert "React with" in content(matrix, ANA)["body"]
