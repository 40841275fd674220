"""The room of a team in each chat: greeted, told, taken there by whoever is proved, and on the record where nothing arrives."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pytest

from tests.scenarios import test_matrix_pages, test_mattermost_pages, test_teams_bot_pages
from tests.scenarios.test_rooms_of_teams import medium
from tests.stand_ins import matrix, mattermost
from tests.stand_ins import teams as microsoft
from tocsin.integrations.registry import GATEWAYS
from tocsin.integrations.teams import connector, proof
from tocsin.paging import operations_providers as providers
from tocsin.paging import operations_rooms as rooms
from tocsin.paging.models import ContactMethod, Notification, Provider
from tocsin.response import listen_in_chats


@dataclass
class Room:
    """A room of a chat: how Ana presses there, what the newest message of ours shows, and how it goes away."""

    account: Provider
    address: str
    press: Callable[[], object]
    shown: Callable[[], str]
    close: Callable[[], object]


def account(world, kind, values):
    return providers.create_provider(kind=kind, name="Larkfield", values=values, by=world.by, now=world.now)


@contextmanager
def in_mattermost(world):
    GATEWAYS["mattermost"].memory.known.clear()
    with closing(mattermost.Mattermost()) as server:
        made = account(world, "mattermost", {"url": server.url, "token": mattermost.TOKEN})
        test_mattermost_pages.reached(world, world.ana, "mattermost", "@ana")
        ContactMethod.objects.filter(user=world.ana).update(known_as=mattermost.id_of("ana"))  # as her code taught it
        place = "payments/ops"

        def press():
            return test_mattermost_pages.call(*server.pressed("Acknowledge", place, "ana"))

        def close():
            GATEWAYS["mattermost"].memory.known.clear()
            server.rooms.clear()

        yield Room(made, place, press, lambda: server.shown(place)["message"], close)


@contextmanager
def in_matrix(world):
    GATEWAYS["matrix"].memory.known.clear()
    with closing(matrix.Matrix()) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(listen_in_chats, "WAIT_SECONDS", 0)
        made = account(world, "matrix", {"url": server.url, "token": matrix.TOKEN})
        test_matrix_pages.reached(world, world.ana, test_matrix_pages.ANA)
        place = test_matrix_pages.OPS

        def press():
            world.advance(seconds=2)
            server.react(place, test_matrix_pages.ANA, "👍")
            world.advance(seconds=2)

        def close():
            GATEWAYS["matrix"].memory.known.clear()
            server.aliases.clear()
            server.members.pop(place)

        yield Room(made, "#ops:larkfield.example", press, lambda: server.shown(place)["content"]["body"], close)


@contextmanager
def in_teams(world):
    connector.tokens.known.clear()
    proof.keys.known.clear()
    with closing(microsoft.Teams()) as server:
        made = account(world, "teams_bot", server.values)
        test_teams_bot_pages.reached(world, server, world.ana, "ana")
        place = microsoft.ROOM

        def press():
            return test_teams_bot_pages.bring(world, server, server.pressed("Acknowledge", place, "ana"))

        yield Room(made, place, press, lambda: server.words(place), server.rooms.clear)


@pytest.fixture(params=[in_mattermost, in_matrix, in_teams])
def room(request, world):
    with request.param(world) as found:
        rooms.set_room(world.team, {"account": found.account.pk, "address": found.address}, by=world.by, now=world.now)
        world.settle()
        yield found


def test_a_team_is_told_in_its_room_and_whoever_presses_there_has_it(world, room):
    assert "Room of the team Payments" in room.shown()
    alert = medium(world)
    assert "SEV3 Search is slow" in room.shown()
    room.press()
    world.settle()
    assert world.escalation(alert).acknowledged_by == world.ana and "Ana has it, since" in room.shown()
    world.phone.silent()


def test_a_message_that_does_not_arrive_is_on_the_record(world, room):
    room.close()
    alert = medium(world)
    assert world.timeline(alert)[:2] == ["team_message", "post_failed"]
    assert rooms.last(world.team).state == Notification.State.FAILED


@pytest.mark.parametrize("room", [in_matrix], indirect=True)
def test_a_thumb_on_what_is_about_nothing_is_no_answer(world, room):
    """The greeting asks for nothing; in Matrix anybody may react to it all the same."""
    greeting = room.shown()
    room.press()
    assert room.shown() == greeting
