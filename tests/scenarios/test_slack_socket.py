"""Where Slack cannot reach Tocsin, answers come over a connection that Tocsin opens; what is typed to the app is an answer too."""

from __future__ import annotations

import json
import threading
from urllib.parse import parse_qs

import pytest
from django.test import Client

from tests.live import until
from tests.scenarios.test_slack_pages import ANA, AT_ANA, AT_BEN, BEN, reached
from tests.scenarios.world import running
from tests.stand_ins.slack import SECRET, TOKEN, Slack, signed
from tests.stand_ins.slack_socket import APP_TOKEN, SlackSocket
from tocsin.accounts.models import User
from tocsin.domain.ports import Outcome
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.refusal import Refused
from tocsin.paging import messages
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import Notification, Provider
from tocsin.response import stream_chats


@pytest.fixture
def slack():
    stand_in = Slack()
    GATEWAYS["slack"].memory.known.clear()
    yield stand_in
    stand_in.close()


@pytest.fixture
def real_rows(transactional_db):
    with running() as world:
        yield world


@pytest.fixture
def socket(slack):
    made = slack.socket = SlackSocket()
    yield made
    made.close()


def account(world, slack, **values):
    return providers.create_provider(
        kind="slack", name="Larkfield", values={"token": TOKEN, "api": slack.api, **values}, by=world.by, now=world.now
    )


@pytest.fixture
def team(world, slack, socket, monkeypatch):
    """Ana and then Ben, by Slack in Socket Mode; each story holds the connection itself."""
    monkeypatch.setattr(stream_chats, "STREAMED", ())
    account(world, slack, app_token=APP_TOKEN)
    reached(world, world.ana, ANA)
    reached(world, world.ben, BEN)
    world.policy([world.ana], [world.ben])
    return world


def connect():
    """One connection, until Slack ends it."""
    row = Provider.objects.get(kind="slack")
    return stream_chats.once(row, providers.account(row), threading.Event())


def payload(body: bytes):
    return json.loads(parse_qs(body.decode())["payload"][0])


def test_a_button_is_carried_out_before_slack_hears_that_it_arrived(team, slack, socket):
    alert = team.alert("Checkout is down")
    socket.bring("interactive", payload(slack.pressed("Acknowledge", AT_ANA, ANA)))
    receipt = connect()
    assert (receipt.outcome, receipt.reason) == (Outcome.RETRY, "the other side ended it")
    run = team.escalation(alert)
    assert (run.status, run.acknowledged_by, run.acknowledged_via) == ("acknowledged", team.ana, "slack")
    assert socket.acknowledged == ["e0-interactive"]


def test_a_word_in_the_direct_messages_answers_and_is_answered(team, slack, socket):
    alert = team.alert("Checkout is down")
    socket.bring("events_api", slack.written(ANA, "ack"))
    connect()
    assert team.escalation(alert).acknowledged_by == team.ana
    assert slack.shown(AT_ANA)["text"] == "You have it: SEV2 Checkout is down."


def test_one_of_several_is_named_by_its_number(team, slack, socket):
    first = team.alert("Checkout is down")
    team.advance(minutes=2)
    second = team.alert("Search is down")
    socket.bring("events_api", slack.written(ANA, "ack", event="Ev1"))
    connect()
    assert "2 pages wait for an answer" in slack.shown(AT_ANA)["text"] and "2: SEV2 Search is down" in slack.shown(AT_ANA)["text"]
    socket.bring("events_api", slack.written(ANA, "resolve 2", event="Ev2"))
    connect()
    second.refresh_from_db()
    assert second.status == "resolved" and team.escalation(first).status == "running"


def test_what_slack_brings_twice_is_carried_out_once(team, slack, socket):
    team.policy([team.ana], [team.ben], [team.cy])
    team.alert()
    for _ in range(2):
        socket.bring("events_api", slack.written(ANA, "escalate"))
        connect()
    team.settle()
    assert len(socket.acknowledged) == 2 and slack.shown(AT_BEN)
    team.phone.silent()  # Cy would be next


def test_what_nobody_said_to_us_and_what_another_workspace_says_is_acknowledged_and_changes_nothing(team, slack, socket):
    alert = team.alert()
    before = len(slack.messages)
    socket.bring("events_api", slack.written(ANA, "ack", bot_id="B9"))
    socket.bring("events_api", slack.written(ANA, "ack", subtype="message_changed"))
    socket.bring("events_api", slack.written(ANA, "ack", channel_type="channel"))
    socket.bring("events_api", slack.written(ANA, "ack", team="T0FOREIGN"))
    socket.bring("interactive", payload(slack.pressed("Acknowledge", AT_ANA, ANA, team="T0FOREIGN")))
    socket.bring("slash_commands", {"command": "/x", "team_id": "T0LARKFLD"})
    connect()
    assert len(socket.acknowledged) == 6 and team.escalation(alert).status == "running" and len(slack.messages) == before


def test_an_answer_that_fails_in_us_is_not_acknowledged(team, slack, socket, monkeypatch):
    alert = team.alert()

    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr(stream_chats, "take_replies", broken)
    socket.bring("events_api", slack.written(ANA, "ack"))
    assert connect().outcome is Outcome.RETRY
    assert socket.acknowledged == [] and team.escalation(alert).status == "running"


def test_a_press_while_slack_replaces_the_connection_is_carried_out_whichever_of_the_two_brings_it(team, slack):
    """Once an hour or so: the old one is heard to its end, and the new one is there before that."""
    socket = slack.socket = SlackSocket(stays=True, hands_over=True)
    alert = team.alert("Checkout is down")
    pressed = payload(slack.pressed("Escalate", AT_ANA, ANA))
    socket.late = [{"envelope_id": "late", "type": "interactive", "accepts_response_payload": False, "payload": pressed}]
    row, done = Provider.objects.get(kind="slack"), []

    def carry_out(replies):
        done.extend(stream_chats.take_replies(replies, row, team.now))
        if len(done) == 1:
            socket.bring("events_api", slack.written(ANA, "ack"))  # by the new one
        return done[-1:]

    receipt = GATEWAYS["slack"].stream(providers.account(row), carry_out, lambda: len(done) == 2)
    until(lambda: socket.acknowledged, lambda found: len(found) == 2)
    socket.close()
    assert receipt.outcome is Outcome.DELIVERED and socket.connections == 2
    assert [one.sentence.partition(":")[0] for one in done] == ["Passed on to the next step", "You have it"]
    assert socket.acknowledged == ["late", "e0-events_api"] and team.escalation(alert).acknowledged_by == team.ana


def test_too_many_connections_are_not_made_more(team, slack, socket):
    socket.goodbye = "too_many_websockets"
    assert (connect().outcome, socket.connections) == (Outcome.RETRY, 1)


def test_socket_mode_that_is_switched_off_is_the_accounts_fault(team, slack, socket):
    socket.goodbye = "link_disabled"
    assert connect().outcome is Outcome.REFUSED
    slack.socket = None
    assert (connect().outcome, "not a bot token" in connect().reason) == (Outcome.REFUSED, True)


def test_an_account_needs_one_of_the_two_ways_to_be_answered(world, slack):
    with pytest.raises(Refused) as refused:
        account(world, slack)
    assert "Socket Mode" in refused.value.errors["values.signing_secret"]
    with pytest.raises(Refused) as refused:
        account(world, slack, app_token="xoxb-1")
    assert refused.value.errors == {"values.app_token": "An app-level token begins with xapp-."}


def test_without_socket_mode_a_word_comes_by_a_signed_call_and_again_until_it_is_taken(world, slack):
    account(world, slack, signing_secret=SECRET)
    reached(world, world.ana, ANA)
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    body = json.dumps(slack.written(ANA, "ack")).encode()
    address = messages.inbound(Provider.objects.get()).removeprefix("http://localhost:8000")
    said = len(slack.messages) + 1
    for _ in range(2):
        headers = signed(body, world.now.timestamp()) | {"Content-Type": "application/json", "X-Slack-Retry-Num": "1"}
        assert Client().post(address, body, content_type="application/json", headers=headers).status_code == 200
    assert world.escalation(alert).acknowledged_by == world.ana and len(slack.messages) == said
    assert Client().post(address, body, content_type="application/json").status_code == 403


def test_a_worker_holds_the_connection_as_long_as_the_account_is_wanted(real_rows, slack):
    world = real_rows
    slack.socket = SlackSocket(stays=True)
    row = account(world, slack, app_token=APP_TOKEN)
    reached(world, world.ana, ANA)
    world.policy([world.ana])
    try:
        alert = world.alert("Checkout is down")  # the loops have begun it
        assert slack.socket.connected.wait(60)
        slack.socket.bring("events_api", slack.written(ANA, "ack"))
        assert slack.socket.acked.wait(60)
        assert world.escalation(alert).acknowledged_by == world.ana
        assert stream_chats.take() == 0 and slack.socket.connections == 1
        thread = stream_chats._held[row.pk].thread
        providers.change_provider(row, enabled=False, by=world.by, now=world.now)
        assert stream_chats.take() == 1
        thread.join(60)
        assert not thread.is_alive() and not stream_chats._held
    finally:
        stream_chats.end_all()
        slack.socket.close()
    assert User.objects.exists() and Notification.objects.filter(state="delivered").exists()
