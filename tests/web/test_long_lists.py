"""In long lists of names one is found by a part of the name; the rest comes page by page, and how many there are is said truly."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.scenarios.world import World, world  # noqa: F401 - a fixture
from tocsin.alerts.models import Integration, Service
from tocsin.paging import operations as paging
from tocsin.response.declare_incident import declare


@pytest.fixture
def ana(world: World) -> Client:  # noqa: F811
    client = Client()
    client.force_login(world.ana)
    return client


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_people_are_found_by_a_part_of_their_name_or_address(world, ana):  # noqa: F811
    for number in range(60):
        world.person(f"Crew{number:02d}", phone=False)
    first, second = text(ana, "/people/"), text(ana, "/people/?page=2")
    assert "1 to 50 of 64" in first and "51 to 64 of 64" in second
    assert "Crew00" in first and "Crew59" not in first and "Crew59" in second
    found = text(ana, "/people/?q=crew59%40EXAMPLE")
    assert "Crew59" in found and "Crew00" not in found and "Previous" not in found
    assert "Nobody of that name" in text(ana, "/people/?q=nobody") and "No team of that name" in text(ana, "/people/?q=nobody")
    assert "Crew00" in text(ana, "/people/?page=nonsense") and "Crew59" in text(ana, "/people/?page=99")


@pytest.mark.parametrize(("address", "word"), [("/services/", "service"), ("/escalation-policies/", "policy"), ("/schedules/", "schedule")])
def test_services_policies_and_schedules_are_found_by_name_or_team(world, ana, address, word):  # noqa: F811
    for number in range(55):
        if word == "service":
            Service.objects.create(name=f"zz-{number:02d}", team=world.team)
        elif word == "policy":
            paging.create_policy(
                name=f"zz-{number:02d}", team=world.team.pk, steps=[world.step(world.ana)], repeats=0, by=world.by, now=world.now
            )
        else:
            world.schedule(world.ana, name=f"zz-{number:02d}")
    assert "zz-54" not in text(ana, address) and "zz-54" in text(ana, f"{address}?page=2")
    assert "zz-54" in text(ana, f"{address}?q=ZZ-5") and "zz-40" not in text(ana, f"{address}?q=ZZ-5")
    assert "zz-00" in text(ana, f"{address}?q=Payments"), "by the team's name too"
    assert f"No {word} of that name" in text(ana, f"{address}?q=nothing")


def test_integrations_are_found_by_name_kind_or_service(world, ana):  # noqa: F811
    for number in range(55):
        Integration.objects.create(
            name=f"zz-{number:02d}", kind="datadog", key=f"key-{number}", service=world.service if number == 54 else None
        )
    assert "zz-54" not in text(ana, "/integrations/") and "zz-54" in text(ana, "/integrations/?page=2")
    assert "zz-50" in text(ana, "/integrations/?q=zz-5") and "zz-40" not in text(ana, "/integrations/?q=zz-5")
    assert "zz-00" in text(ana, "/integrations/?q=datadog") and "zz-54" in text(ana, f"/integrations/?q={world.service.name}")
    assert "No integration of that name" in text(ana, "/integrations/?q=nothing")


def test_a_short_list_has_no_search(world, ana):  # noqa: F811
    assert 'name="q"' not in text(ana, "/services/")


def test_the_war_board_shows_the_worst_and_says_how_many_there_are(world, ana):  # noqa: F811
    for number in range(32):
        declare(title=f"Minor {number:02d}", severity="SEV4", by=world.by, now=world.now)
    declare(title="The worst", severity="SEV3", by=world.by, now=world.now)
    board = text(ana, "/")
    assert "The worst" in board and "All 33 active incidents" in board
    assert board.count('class="inc-title"') == 30


def test_a_shift_that_ends_later_than_the_war_board_looks_has_no_end_there(world, ana):  # noqa: F811
    world.schedule(world.ana, name="Always Ana")
    world.schedule(world.ana, world.ben, name="By turns", shift={"days": 1})
    shown = text(ana, "/").partition('id="oncall-h"')[2]
    always, turns = shown.index("Always Ana"), shown.index("By turns")
    assert "until" not in shown[always:turns] and "until" in shown[turns:]
