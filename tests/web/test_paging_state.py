"""The page and the API that say whether paging is held back: everybody sees that it is, administrators release it."""

from __future__ import annotations

import pytest

from tests.api.test_paging_api import call, made, token
from tests.scenarios.test_catch_up import administrator, hold
from tests.scenarios.world import world  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db


def test_every_page_says_that_paging_is_held_and_only_an_administrator_is_led_to_its_release(world, client):  # noqa: F811
    client.force_login(world.ana)
    assert "Paging is held back" not in client.get("/more/").content.decode()
    hold(world)
    said = client.get("/more/").content.decode()
    assert "Paging is held back: nobody is paged." in said and "/settings/paging/" not in said
    assert client.get("/settings/paging/").status_code == 403
    administrator(world)
    client.force_login(world.lea)
    assert '<a class="btn btn-primary" href="/settings/paging/">' in client.get("/more/").content.decode()


def test_an_administrator_sees_what_is_overdue_and_releases_it(world, client):  # noqa: F811
    administrator(world)
    world.policy([world.ana], [world.ben])
    hold(world)
    world.page(world.alert("Checkout is down", page=False))
    world.advance(hours=1)
    client.force_login(world.lea)
    said = client.get("/settings/paging/").content.decode()
    assert "Held back: nobody is paged." in said and "SEV2 Checkout is down" in said and "restored from a.tocsin-backup" in said
    assert client.post("/settings/paging/").status_code == 303
    assert "At work." in client.get("/settings/paging/").content.decode()
    world.settle()
    world.phone.expect(world.ana)


def test_programs_see_the_same_and_release_it(world):  # noqa: F811
    admin, reader = token("read", "respond", "administer"), token("read")
    world.policy([world.ana])
    hold(world)
    world.page(world.alert("Checkout is down", page=False))
    world.advance(minutes=1)
    assert call("GET", "/paging", bearer=reader).status_code == 403
    found = made(call("GET", "/paging", bearer=admin))
    assert found["held"] and [page["title"] for page in found["overdue"]["pages"]] == ["SEV2 Checkout is down"]
    assert not made(call("POST", "/paging/release", bearer=admin))["held"]
    assert call("POST", "/paging/release", bearer=admin).status_code == 409
    world.settle()
    world.phone.expect(world.ana)
