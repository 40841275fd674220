"""A test page ("Test on me" of a policy, or the one before a first shift) is acknowledged in every chat as any page is, and says so there."""

from __future__ import annotations

from contextlib import closing, contextmanager

import pytest

from tests.integrations import standing_in
from tests.scenarios import test_matrix_pages, test_mattermost_pages, test_slack_pages, test_teams_bot_pages, test_telegram
from tests.stand_ins import matrix, mattermost, slack
from tests.stand_ins.teams import Teams
from tocsin.accounts.actor import Actor
from tocsin.integrations.registry import GATEWAYS
from tocsin.integrations.teams import connector, proof
from tocsin.oncall.models import Readiness
from tocsin.paging import jobs, operations_policy_tests
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import ContactMethod, Escalation, Notification
from tocsin.response import listen_in_chats, ready
from tocsin.response.try_policy import try_policy


def account(world, kind, values):
    return providers.create_provider(kind=kind, name="Larkfield", values=values, by=world.by, now=world.now)


# Each reaches Ana by one chat, and gives how she presses "Acknowledge" on the newest message, and what that shows.


@contextmanager
def by_slack(world):
    GATEWAYS["slack"].memory.known.clear()
    with closing(slack.Slack()) as server:
        account(world, "slack", {"token": slack.TOKEN, "signing_secret": slack.SECRET, "api": server.api})
        ana, place = test_slack_pages.ANA, test_slack_pages.AT_ANA
        test_slack_pages.reached(world, world.ana, ana)
        yield lambda: test_slack_pages.press(server, world, "Acknowledge", place, ana), lambda: server.shown(place)["text"]


@contextmanager
def by_mattermost(world):
    GATEWAYS["mattermost"].memory.known.clear()
    with closing(mattermost.Mattermost()) as server:
        account(world, "mattermost", {"url": server.url, "token": mattermost.TOKEN})
        test_mattermost_pages.reached(world, world.ana, "mattermost", "@ana")
        yield lambda: test_mattermost_pages.call(*server.pressed("Acknowledge", "ana", "ana")), lambda: server.shown("ana")["message"]


@contextmanager
def by_matrix(world):
    GATEWAYS["matrix"].memory.known.clear()
    with closing(matrix.Matrix()) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(listen_in_chats, "WAIT_SECONDS", 0)
        account(world, "matrix", {"url": server.url, "token": matrix.TOKEN})
        ana = test_matrix_pages.ANA
        test_matrix_pages.reached(world, world.ana, ana)

        def react():
            world.advance(seconds=2)  # it is listened
            server.react(server.direct(ana), ana, "👍")
            world.advance(seconds=2)

        yield react, lambda: test_matrix_pages.content(server, ana)["body"]


@contextmanager
def by_telegram(world):
    server = test_telegram.Telegram()
    with standing_in.running(server):
        made = account(world, "telegram", {"name": "@our_tocsin_bot", "token": test_telegram.TOKEN, "server": server.url})
        jobs.connect(provider=made.pk)
        ContactMethod.objects.filter(user=world.ana).delete()
        method, person = paging.add_method(world.ana, kind="telegram", by=world.by, now=world.now), 4712
        server.write(person, f"/start {paging.invitation(method, world.now)[0].partition('=')[2]}")

        def shown():
            said = server.messages[-1]
            return f"{said['text']} {said['reply_markup']['inline_keyboard'][0][0]['text']}"

        yield lambda: server.press(person, server.messages[-1]), shown


@contextmanager
def by_teams(world):
    connector.tokens.known.clear()
    proof.keys.known.clear()
    with closing(Teams()) as server:
        account(world, "teams_bot", server.values)
        test_teams_bot_pages.reached(world, server, world.ana, "ana")
        press = test_teams_bot_pages.bring
        yield lambda: press(world, server, server.pressed("Acknowledge", "ana", "ana")), lambda: server.words("ana")


@pytest.fixture(params=[by_slack, by_mattermost, by_matrix, by_telegram, by_teams])
def chat(request, world):
    with request.param(world) as found:
        yield found


def test_a_press_ends_the_test_of_a_policy(world, chat):
    press, shown = chat
    policy = world.policy([world.ben], [world.cy])
    try_policy(policy, by=Actor.of(world.ana, "web"), now=world.now)
    world.settle()
    assert f"TEST of policy {policy.name}: step 1" in shown()
    press()
    world.settle()
    page = Notification.objects.filter(user=world.ana, kind="test").earliest("due_at", "id")
    assert operations_policy_tests.acknowledged_at(page) and "the test is over" in shown()
    world.advance(minutes=2)
    assert "step 2" not in shown() and not Escalation.objects.exists()  # it was withdrawn, and nobody else is paged
    world.phone.silent()


def test_a_press_on_the_page_before_a_first_shift_makes_its_person_ready(world, chat):
    press, shown = chat
    ready.rehearse(world.ana, by=Actor.of(world.ana, "web"), now=world.now)
    world.settle()
    assert "Test page: acknowledge it" in shown()
    press()
    world.settle()
    assert Readiness.objects.get(user=world.ana).acknowledged_at and "You have acknowledged it" in shown()
